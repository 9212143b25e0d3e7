"""Which connections the network policies allow."""

import ipaddress

from support.manifests import selects


class Party:
    """A pod, or, without a namespace, a host that is not a pod."""

    def __init__(self, address, namespace=None, labels=None):
        self.address = ipaddress.ip_address(address)
        self.namespace = namespace
        self.labels = labels or {}

    def is_peer(self, peer, policy_namespace):
        if "ipBlock" in peer:
            block = peer["ipBlock"]
            excepted = [ipaddress.ip_network(cidr) for cidr in block.get("except", [])]
            return self.address in ipaddress.ip_network(block["cidr"]) and not any(
                self.address in network for network in excepted
            )
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
            _has_port(rule, protocol, port)
            and (
                not rule.get(peers)
                or any(other.is_peer(peer, self.namespace) for peer in rule[peers])
            )
            for rule in rules
        )


def _has_port(rule, protocol, port):
    """A rule that lists no ports is for all, and so is an element without a number."""
    return not rule.get("ports") or any(
        element.get("protocol", "TCP") == protocol
        and element.get("port", 0) <= port <= element.get("endPort", element.get("port", 65535))
        for element in rule["ports"]
    )
