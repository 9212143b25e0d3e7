"""The Kubernetes manifests, parsed."""

import functools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
KUBECTL = os.environ.get("REAL_KUBECTL") or shutil.which("kubectl")  # the former if the latter is a fake
OVERLAY = "overlays/postgresql"
OPENSHIFT = "overlays/openshift"
NAME = "app.kubernetes.io/name"
INSTANCE = "app.kubernetes.io/instance"


@functools.lru_cache(maxsize=None)
def parse(text):
    return list(yaml.safe_load_all(text))


def amount(quantity):
    """A Kubernetes quantity as a number, e.g. 100m, 64Mi, 2."""
    number, unit = re.fullmatch(r"([0-9.]+)(m|Ki|Mi|Gi|)", str(quantity)).groups()
    return float(number) * {"": 1, "m": 0.001, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}[unit]


def selects(selector, labels):
    """Whether a label selector takes these labels. An empty one takes all."""
    expressions = selector.get("matchExpressions", [])
    if not set(selector) <= {"matchLabels", "matchExpressions"} or any(
        expression["operator"] != "In" for expression in expressions
    ):
        raise ValueError(f"a selector that this can't judge: {selector}")
    return all(
        labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()
    ) and all(labels.get(e["key"]) in e["values"] for e in expressions)


class Repository:
    """The files of this repository, but for `changes`: the text of some, by their path. What is in
    `changes` alone is there too."""

    def __init__(self, changes=None):
        self.changes = changes or {}
        self.invoice_app = Service(self, "invoice-app", "invoicing", "team-invoicing")
        self.payment_provider = Service(self, "payment-provider", "payments", "team-payments")
        self.services = [self.invoice_app, self.payment_provider]
        self.policies = [p for service in self.services for p in service.all("NetworkPolicy")]

    def read(self, path):
        if path in self.changes:
            return self.changes[path]
        return (ROOT / path).read_text(encoding="utf-8")

    def paths(self, folder):
        """All files below a folder."""
        there = {str(p.relative_to(ROOT)) for p in (ROOT / folder).rglob("*") if p.is_file()}
        return sorted(there | {p for p in self.changes if p.startswith(folder + "/")})

    def documents(self, path):
        return parse(self.read(path))

    def rendered(self, folder):
        """The objects of a kustomization, as kubectl renders them."""
        with tempfile.TemporaryDirectory() as copy:
            for path in self.paths("k8s") + self.paths("overlays"):
                target = pathlib.Path(copy, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(self.read(path), encoding="utf-8")
            command = [KUBECTL, "kustomize", f"{copy}/{folder}"]
            run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if run.returncode != 0 or run.stderr:  # warnings, too
            raise ValueError(f"kubectl kustomize {folder}: {run.stderr}")
        return parse(run.stdout)

    @functools.cached_property
    def on_postgresql(self):
        """Both services, as the overlay has them."""
        objects = self.rendered(OVERLAY)
        return [
            Service(
                *(self, service.name, service.namespace, service.team),
                {OVERLAY: [o for o in objects if o["metadata"]["namespace"] == service.namespace]},
            )
            for service in self.services
        ]

    @functools.cached_property
    def evaluation(self):
        """The objects of the databases for evaluation."""
        return self.rendered(f"{OVERLAY}/evaluation")


class Workload:
    """A Deployment or a CronJob, with its pods."""

    def __init__(self, workload):
        self.workload = workload
        spec = workload["spec"].get("jobTemplate", workload)["spec"]
        template = spec["template"]
        self.annotations = template["metadata"].get("annotations", {})
        self.labels = template["metadata"]["labels"]
        self.pod = template["spec"]
        self.containers = self.pod["containers"] + self.pod.get("initContainers", [])
        self.container = self.pod["containers"][0]
        self.ports = {p["name"]: p["containerPort"] for p in self.container.get("ports", [])}

    def total(self, section, kind):
        """How much of a resource a pod requests, or is limited to."""
        return sum(amount(container["resources"][section][kind]) for container in self.containers)


class Audit(Workload):
    """The CronJob of a service."""

    def __init__(self, service, cronjob):
        super().__init__(cronjob)
        self.all = service.all
        self.objects = [cronjob]


class Service(Workload):
    """The objects of one folder of k8s/, or of `files`: the objects by their path."""

    def __init__(self, repository, name, namespace, team, files=None):
        self.repository = repository
        self.name = name
        self.namespace = namespace
        self.team = team
        self.files = files or {
            path: repository.documents(path)
            for path in repository.paths(f"k8s/{name}")
            if not path.endswith("/Kustomization")
        }
        self.objects = [document for file in self.files.values() for document in file]
        super().__init__(self.one("Deployment"))
        self.deployment = self.workload
        self.audits = [Audit(self, cronjob) for cronjob in self.all("CronJob")]
        self.workloads = [self, *self.audits]
        self.config = self.one("ConfigMap")["data"]

    def all(self, kind):
        return [o for o in self.objects if o["kind"] == kind]

    def one(self, kind):
        found = self.all(kind)
        if len(found) != 1:
            raise ValueError(f"k8s/{self.name} has {len(found)} objects of kind {kind}")
        return found[0]

    def variables(self):
        """The names that the program's source looks up in its environment."""
        read = self.repository.read
        source = read("common/service/service.cpp") + read(f"{self.name}/config.cpp")
        return set(re.findall(r'environment\.\w+(?:<\w+>)?\(\s*"(\w+)"', source))
