"""Which connections the network policies allow."""

import ipaddress

from support.manifests import NAME, selects


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


def parties(services):
    """Who could connect to whom: both services, and others in and outside of the cluster."""
    invoice_app, provider = (service.labels for service in services)
    (audit,) = services[0].audits
    return {
        "invoice-app": Party("10.244.0.1", "invoicing", invoice_app),
        "payment-provider": Party("10.244.0.2", "payments", provider),
        "audit": Party("10.244.0.12", "invoicing", audit.labels),
        "prometheus": Party("10.244.0.3", "monitoring"),
        "dns": Party("10.244.0.4", "kube-system", {"k8s-app": "kube-dns"}),
        "dns cache": Party("169.254.20.10"),
        "metadata of the cloud": Party("169.254.169.254"),
        "node": Party("192.0.2.1"),
        "internet": Party("203.0.113.1"),
        "neighbour of invoice-app": Party("10.244.0.5", "invoicing", {NAME: "other"}),
        "neighbour of payment-provider": Party("10.244.0.6", "payments", {NAME: "other"}),
        "impostor elsewhere": Party("10.244.0.7", "default", invoice_app),
        "impostor as provider": Party("10.244.0.8", "default", provider),
        "impostor as dns": Party("10.244.0.9", "default", {"k8s-app": "kube-dns"}),
        "stranger": Party("10.244.0.10", "default"),
        "system pod": Party("10.244.0.11", "kube-system"),
    }


def admitted(policies, all_parties, direction):
    """The connections of our namespaces' pods that the policies allow: one end, the other end, protocol
    and port."""
    numbers = (1, 22, 53, 80, 443, 5432, 8080, 8081, 8082, 8083, 9081, 9082, 9083, 65535)
    ports = [(protocol, n) for protocol in ("TCP", "UDP", "SCTP") for n in numbers]
    return {
        (name, other, protocol, port)
        for name, party in all_parties.items()
        if party.namespace in ("invoicing", "payments")
        for other in set(all_parties) - {name}
        for protocol, port in ports
        if party.lets(policies, direction, all_parties[other], protocol, port)
    }
