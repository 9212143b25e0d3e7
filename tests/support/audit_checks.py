"""Checks of the CronJob that runs the audit, beside those of all pods."""

from support.manifest_checks import Check
from support.manifests import selects


class Audit(Check):
    def setUp(self):
        super().setUp()
        self.service = self.services[0]
        (self.audit,) = self.service.audits
        self.schedule = self.audit.workload["spec"]
        self.job = self.schedule["jobTemplate"]["spec"]

    def test_runs_each_hour_and_ends_before_the_next(self):
        self.assertRegex(self.schedule["schedule"], r"^[1-5]?[0-9]( \*){4}$")
        self.assertEqual(self.schedule["concurrencyPolicy"], "Forbid")
        self.assertNotIn("suspend", self.schedule)  # so "kubectl apply" leaves it as it is
        latest = self.schedule["startingDeadlineSeconds"] + self.job["activeDeadlineSeconds"]
        self.assertLess(latest, 3600)
        for limit in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
            self.assertIn(self.schedule[limit], range(1, 10))

    def test_fails_at_once_if_something_differs_and_is_repeated_once_otherwise(self):
        self.assertEqual(self.audit.pod["restartPolicy"], "Never")
        self.assertEqual(self.job["backoffLimit"], 1)
        differs = {"operator": "In", "values": [1]}
        self.assertEqual(
            self.job["podFailurePolicy"], {"rules": [{"action": "FailJob", "onExitCodes": differs}]}
        )

    def test_gets_no_requests_and_does_not_count_as_a_replica(self):
        selectors = [{"matchLabels": self.service.one("Service")["spec"]["selector"]}]
        for o in (self.service.deployment, self.service.one("PodDisruptionBudget")):
            selectors.append(o["spec"]["selector"])
        for selector in selectors:
            self.assertFalse(selects(selector, self.audit.labels))

    def test_has_the_settings_and_the_files_of_the_service(self):
        (container,) = self.audit.containers
        self.assertEqual(container["args"], ["--audit"])
        for field in ("envFrom", "env", "volumeMounts"):
            self.assertEqual(container[field], self.service.container[field])
        for field in ("volumes", "dnsConfig"):
            self.assertEqual(self.audit.pod[field], self.service.pod[field])
