"""The Kubernetes manifests as objects to ask questions of, and what they let pass on the network."""

import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NAME = "app.kubernetes.io/name"


def read(*path):
    return ROOT.joinpath(*path).read_text(encoding="utf-8")


def documents(path):
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def amount(quantity):
    """A Kubernetes quantity as a number, e.g. 100m, 64Mi, 2."""
    number, unit = re.fullmatch(r"([0-9.]+)(m|Ki|Mi|Gi|)", str(quantity)).groups()
    return float(number) * {"": 1, "m": 0.001, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}[unit]


def selects(selector, labels):
    """Whether a label selector takes these labels. An empty one takes all."""
    if not set(selector) <= {"matchLabels"}:
        raise ValueError(f"a selector that this can't judge: {selector}")
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


class Service:
    """The objects of one folder of k8s/."""

    def __init__(self, name, namespace, team):
        self.name = name
        self.namespace = namespace
        self.team = team
        self.files = {path: documents(path) for path in sorted((ROOT / "k8s" / name).iterdir())}
        self.objects = [document for file in self.files.values() for document in file]
        self.deployment = self.one("Deployment")
        template = self.deployment["spec"]["template"]
        self.labels = template["metadata"]["labels"]
        self.pod = template["spec"]
        self.containers = self.pod["containers"] + self.pod.get("initContainers", [])
        self.container = self.pod["containers"][0]
        self.ports = {port["name"]: port["containerPort"] for port in self.container["ports"]}
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
        source = read("common", "service.cpp") + read(self.name, "config.cpp")
        return set(re.findall(r'environment\.\w+(?:<\w+>)?\(\s*"(\w+)"', source))


class Party:
    """Someone on the network: a pod, or, without a namespace, a host that isn't one."""

    def __init__(self, namespace=None, labels=None, address=None):
        self.namespace = namespace
        self.labels = labels or {}
        self.address = address

    def is_peer(self, peer, policy_namespace):
        if "ipBlock" in peer:
            return peer["ipBlock"] == {"cidr": f"{self.address}/32"}
        if self.namespace is None:
            return False
        in_namespace = self.namespace == policy_namespace
        if "namespaceSelector" in peer:
            labels = {"kubernetes.io/metadata.name": self.namespace}
            in_namespace = selects(peer["namespaceSelector"], labels)
        return in_namespace and selects(peer.get("podSelector", {}), self.labels)

    def lets(self, policies, direction, other, protocol, port):
        """Whether the policies let this one call the other ("egress") or be called by it
        ("ingress"). Whom no policy isolates may do both."""
        isolating = [
            policy["spec"]
            for policy in policies
            if policy["metadata"]["namespace"] == self.namespace
            and selects(policy["spec"]["podSelector"], self.labels)
            and direction.capitalize() in policy["spec"]["policyTypes"]
        ]
        peers = {"ingress": "from", "egress": "to"}[direction]
        rules = [rule for spec in isolating for rule in spec.get(direction, [])]
        return not isolating or any(
            ("ports" not in rule or {"port": port, "protocol": protocol} in rule["ports"])
            and (
                peers not in rule
                or any(other.is_peer(peer, self.namespace) for peer in rule[peers])
            )
            for rule in rules
        )


def may_call(policies, source, target, protocol, port):
    """Both ends must agree."""
    return source.lets(policies, "egress", target, protocol, port) and target.lets(
        policies, "ingress", source, protocol, port
    )
