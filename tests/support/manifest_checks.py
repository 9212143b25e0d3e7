"""What the tests of k8s/ are made of."""

import unittest

from support.manifests import Repository


class Check(unittest.TestCase):
    """A test of what is in the repository, or of a changed copy (see Mutations)."""

    repository = Repository()

    def setUp(self):
        self.services = self.repository.services
        self.invoice_app = self.repository.invoice_app
        self.payment_provider = self.repository.payment_provider

    @property
    def workloads(self):
        return [workload for service in self.services for workload in service.workloads]


class Mutations(unittest.TestCase):
    """That checks of `classes` can fail, where this isn't obvious. A test has a class that inherits from
    this one."""

    mutations = []
    classes = ()

    def test_each_is_found_by_the_check_for_it(self):
        for path, old, new, name in self.mutations:
            with self.subTest(path=path, old=old, new=new):
                path = path[1:] if path.startswith("/") else "k8s/" + path
                if old is not None:
                    text = Check.repository.read(path)
                    self.assertIn(old, text)
                    new = text.replace(old, new, 1)
                result = self.outcome(name, Repository({path: new}))
                self.assertTrue(result.skipped or not result.wasSuccessful())

    def checks(self):
        """The names of all checks, with their classes."""
        loader = unittest.defaultTestLoader
        return {name: c for c in self.classes for name in loader.getTestCaseNames(c)}

    def outcome(self, name, repository):
        check = self.checks()[name](name)
        check.repository = repository
        result = unittest.TestResult()
        check.run(result)
        return result
