"""The Pod Security Standard "restricted" of Kubernetes 1.36, rule by rule. Stricter than
the standard: its exceptions are not implemented, because our pods don't need them."""

VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
    "projected", "secret",
}  # fmt: skip
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def _containers(pod):
    return pod["containers"] + pod.get("initContainers", [])


def _contexts(pod):
    return [o.get("securityContext", {}) for o in [pod, *_containers(pod)]]


def _effective(pod, field):
    """What each container has: its own setting, or the pod's."""
    common = pod.get("securityContext", {}).get(field)
    return [c.get("securityContext", {}).get(field, common) for c in _containers(pod)]


def _nowhere(pod, field):
    return not any(field in context for context in _contexts(pod))


def _handlers(container):
    """What probes and hooks do."""
    return [container[p] for p in PROBES if p in container] + list(
        container.get("lifecycle", {}).values()
    )


def _each(test):
    return lambda pod: all(test(c.get("securityContext", {}), c) for c in _containers(pod))


RULES = {
    "host namespaces": lambda pod: not any(
        pod.get(field) for field in ("hostNetwork", "hostPID", "hostIPC")
    ),
    "Windows host processes": lambda pod: _nowhere(pod, "windowsOptions"),
    "privileged containers": _each(lambda context, _: not context.get("privileged")),
    "capabilities": _each(
        lambda context, _: context.get("capabilities") == {"drop": ["ALL"]},
    ),
    "volume types": lambda pod: all(
        set(volume) - {"name"} <= VOLUMES for volume in pod.get("volumes", [])
    ),
    "host ports": _each(
        lambda _, c: not any(port.get("hostPort") for port in c.get("ports", [])),
    ),
    "hosts of probes and hooks": _each(
        lambda _, c: not any(
            "host" in action
            for handler in _handlers(c)
            for action in handler.values()
            if isinstance(action, dict)
        ),
    ),
    "AppArmor": lambda pod: _nowhere(pod, "appArmorProfile"),
    "SELinux": lambda pod: _nowhere(pod, "seLinuxOptions"),
    "/proc mount type": lambda pod: _nowhere(pod, "procMount"),
    "seccomp": lambda pod: all(
        profile == {"type": "RuntimeDefault"} for profile in _effective(pod, "seccompProfile")
    ),
    "sysctls": lambda pod: _nowhere(pod, "sysctls"),
    "privilege escalation": _each(
        lambda context, _: context.get("allowPrivilegeEscalation") is False,
    ),
    "running as non-root": lambda pod: all(
        value is True for value in _effective(pod, "runAsNonRoot")
    ),
    "non-root user": lambda pod: all(
        user is not None and user > 0 for user in _effective(pod, "runAsUser")
    ),
}


def broken_rules(pod):
    return [name for name, holds in RULES.items() if not holds(pod)]
