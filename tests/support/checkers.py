"""The default checks of kube-linter, kube-score and Polaris, under their names, for the kinds of
objects in k8s/. Each gets a Service, or its Audit, and returns whether it passes."""

import re

from support.manifests import INSTANCE, selects

PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
SECRET = re.compile(r"(?i)password|token|bearer|secret")


def container(test):
    return lambda service: all(test(c) for c in service.containers)


def context(field, value):
    """Each container's setting, or the pod's."""
    return lambda service: all(
        c["securityContext"].get(field, service.pod["securityContext"].get(field)) == value
        for c in service.containers
    )


def pod_has_no(*fields):
    return lambda service: not any(service.pod.get(field) for field in fields)


def resource(section, kind):
    return container(lambda c: kind in c.get("resources", {}).get(section, {}))


def both(*checks):
    return lambda service: all(check(service) for check in checks)


def has_probe(name):
    return container(lambda c: name in c)


def probes_a_port_it_has(probe):
    return container(
        lambda c: c[probe]["httpGet"]["port"]
        in {value for port in c["ports"] for value in (port["name"], port["containerPort"])}
    )


def is_targeted(kind):
    return lambda s: any(selects(o["spec"].get("selector", {}), s.labels) for o in s.all(kind))


def budget(test):
    return lambda service: all(test(o["spec"]) for o in service.all("PodDisruptionBudget"))


def has_anti_affinity(service):
    return "podAntiAffinity" in service.pod.get("affinity", {})


def variables_are_unique(service):
    names = [variable["name"] for variable in service.container.get("env", [])]
    return len(names) == len(set(names))


def is_tagged(c):
    return re.search(r":(?!latest$)[\w.-]+$", c["image"]) is not None


def has_target_ports(service):
    ports = [port["targetPort"] for o in service.all("Service") for port in o["spec"]["ports"]]
    return all(port in service.ports or port in service.ports.values() for port in ports)


def policies_match(test):
    """One of the policies selects the pods by a label, and passes."""
    return lambda service: any(
        policy["spec"]["podSelector"].get("matchLabels")
        and selects(policy["spec"]["podSelector"], service.labels)
        and test(policy["spec"])
        for policy in service.all("NetworkPolicy")
    )


def grants_no(*resources):
    return lambda service: not any(
        set(resources) & set(rule["resources"]) and "create" in rule["verbs"]
        for role in service.all("Role")
        for rule in role["rules"]
    )


def account_exists(service):
    names = [account["metadata"]["name"] for account in service.all("ServiceAccount")]
    return service.pod.get("serviceAccountName") in names


def has_no_host_path(service):
    return not any("hostPath" in volume for volume in service.pod["volumes"])


def uses_stable_versions(service):
    return not any(re.search("alpha|beta", o["apiVersion"]) for o in service.objects)


def has_valid_labels(service):
    return all(
        re.fullmatch(r"([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?", str(value))
        for o in service.objects
        for value in o["metadata"]["labels"].values()
    )


selector_matches = is_targeted("Deployment")
service_targets_pod = lambda s: all(  # noqa: E731
    selects({"matchLabels": o["spec"]["selector"]}, s.labels) for o in s.all("Service")
)
has_budget = is_targeted("PodDisruptionBudget")
drops_everything = container(lambda c: "ALL" in c["securityContext"]["capabilities"]["drop"])
adds_nothing = container(lambda c: "add" not in c["securityContext"]["capabilities"])
allows_some_disruption = budget(lambda spec: spec.get("maxUnavailable") not in (0, "0%"))
demands_not_all = budget(lambda spec: "minAvailable" not in spec)
cannot_escalate = context("allowPrivilegeEscalation", False)
has_a_read_only_root = context("readOnlyRootFilesystem", True)
is_not_privileged = container(lambda c: not c["securityContext"].get("privileged"))
is_not_root = context("runAsNonRoot", True)
has_no_host_port = container(lambda c: not any("hostPort" in port for port in c.get("ports", [])))
has_unlike_probes = container(lambda c: c["livenessProbe"] != c["readinessProbe"])
has_replicas = lambda service: service.deployment["spec"].get("replicas", 1) > 1  # noqa: E731
has_storage_limits = both(
    resource("requests", "ephemeral-storage"), resource("limits", "ephemeral-storage")
)

KUBE_LINTER = {
    "dangling-service": service_targets_pod,
    "deprecated-service-account-field": pod_has_no("serviceAccount"),
    "docker-sock": has_no_host_path,
    "drop-net-raw-capability": both(drops_everything, adds_nothing),
    "duplicate-env-var": variables_are_unique,
    "env-var-secret": container(
        lambda c: not any("secret" in v["name"].lower() for v in c.get("env", []) if "value" in v)
    ),
    "host-ipc": pod_has_no("hostIPC"),
    "host-network": pod_has_no("hostNetwork"),
    "host-pid": pod_has_no("hostPID"),
    "invalid-target-ports": has_target_ports,
    "latest-tag": container(is_tagged),
    "liveness-port": probes_a_port_it_has("livenessProbe"),
    "mismatching-selector": selector_matches,
    "no-anti-affinity": has_anti_affinity,
    "no-extensions-v1beta": uses_stable_versions,
    "no-read-only-root-fs": has_a_read_only_root,
    "non-existent-service-account": account_exists,
    "pdb-max-unavailable": allows_some_disruption,
    "pdb-min-available": demands_not_all,
    "pdb-unhealthy-pod-eviction-policy": budget(lambda s: "unhealthyPodEvictionPolicy" in s),
    "privilege-escalation-container": both(cannot_escalate, is_not_privileged),
    "privileged-container": is_not_privileged,
    "readiness-port": probes_a_port_it_has("readinessProbe"),
    "run-as-non-root": is_not_root,
    "sensitive-host-mounts": has_no_host_path,
    "ssh-port": container(lambda c: all(port["containerPort"] != 22 for port in c.get("ports", []))),
    "startup-port": probes_a_port_it_has("startupProbe"),
    "unsafe-sysctls": lambda service: "sysctls" not in service.pod["securityContext"],
    "unset-cpu-requirements": resource("requests", "cpu"),
    "unset-memory-requirements": both(
        resource("requests", "memory"), resource("limits", "memory")
    ),
}

KUBE_SCORE = {
    "container-ephemeral-storage-request-and-limit": has_storage_limits,
    "container-image-pull-policy": container(lambda c: c.get("imagePullPolicy") == "Always"),
    "container-image-tag": container(is_tagged),
    "container-resources": both(
        resource("requests", "cpu"),
        resource("limits", "cpu"),
        resource("requests", "memory"),
        resource("limits", "memory"),
    ),
    "container-security-context-privileged": is_not_privileged,
    "container-security-context-readonlyrootfilesystem": has_a_read_only_root,
    "container-security-context-user-group-id": lambda service: all(
        service.pod["securityContext"].get(field, 0) >= 10000
        for field in ("runAsUser", "runAsGroup")
    ),
    "deployment-has-host-podantiaffinity": has_anti_affinity,
    "deployment-has-poddisruptionbudget": has_budget,
    "deployment-pod-selector-labels-match-template-metadata-labels": selector_matches,
    "deployment-replicas": has_replicas,
    "deployment-strategy": lambda s: s.deployment["spec"]["strategy"]["type"] == "RollingUpdate",
    "environment-variable-key-duplication": variables_are_unique,
    "label-values": has_valid_labels,
    "networkpolicy-targets-pod": lambda service: all(
        any(selects(policy["spec"]["podSelector"], w.labels) for w in service.workloads)
        for policy in service.all("NetworkPolicy")
    ),
    "pod-networkpolicy": policies_match(
        lambda spec: {"Ingress", "Egress"} <= set(spec["policyTypes"])
    ),
    "pod-probes": both(has_probe("livenessProbe"), has_probe("readinessProbe"), has_unlike_probes),
    "poddisruptionbudget-has-policy": budget(
        lambda spec: len({"minAvailable", "maxUnavailable"} & set(spec)) == 1
    ),
    "service-targets-pod": service_targets_pod,
    "service-type": lambda service: all(
        o["spec"].get("type") != "NodePort" for o in service.all("Service")
    ),
    "stable-version": uses_stable_versions,
}

POLARIS = {
    "automountServiceAccountToken": lambda s: s.pod.get("automountServiceAccountToken") is False,
    "cpuLimitsMissing": resource("limits", "cpu"),
    "cpuRequestsMissing": resource("requests", "cpu"),
    "dangerousCapabilities": adds_nothing,
    "deploymentMissingReplicas": has_replicas,
    "hostIPCSet": pod_has_no("hostIPC"),
    "hostNetworkSet": pod_has_no("hostNetwork"),
    "hostPIDSet": pod_has_no("hostPID"),
    "hostPathSet": has_no_host_path,
    "hostPortSet": has_no_host_port,
    "hostProcess": lambda service: "windowsOptions" not in service.pod["securityContext"],
    "insecureCapabilities": drops_everything,
    "linuxHardening": context("seccompProfile", {"type": "RuntimeDefault"}),
    "livenessProbeMissing": has_probe("livenessProbe"),
    "memoryLimitsMissing": resource("limits", "memory"),
    "memoryRequestsMissing": resource("requests", "memory"),
    "metadataAndInstanceMismatched": lambda service: (
        service.workload["metadata"]["labels"][INSTANCE] == service.workload["metadata"]["name"]
    ),
    "missingNetworkPolicy": policies_match(lambda spec: spec.get("ingress") and spec.get("egress")),
    "missingPodDisruptionBudget": has_budget,
    "notReadOnlyRootFilesystem": has_a_read_only_root,
    "pdbDisruptionsIsZero": allows_some_disruption,
    "priorityClassNotSet": lambda service: bool(service.pod.get("priorityClassName")),
    "privilegeEscalationAllowed": cannot_escalate,
    "procMount": container(lambda c: c["securityContext"].get("procMount") in (None, "Default")),
    "pullPolicyNotAlways": container(lambda c: c.get("imagePullPolicy") == "Always"),
    "readinessProbeMissing": has_probe("readinessProbe"),
    "rolePodExecAttach": grants_no("pods/exec", "pods/attach", "*"),
    "rolebindingClusterAdminClusterRole": lambda service: all(
        o["roleRef"]["kind"] == "Role" for o in service.all("RoleBinding")
    ),
    "runAsPrivileged": is_not_privileged,
    "runAsRootAllowed": is_not_root,
    "sensitiveConfigmapContent": lambda service: not any(map(SECRET.search, service.config)),
    "sensitiveContainerEnvVar": container(
        lambda c: not any(SECRET.search(v["name"]) for v in c.get("env", []) if "value" in v)
    ),
    "tagNotSpecified": container(is_tagged),
    "topologySpreadConstraint": lambda service: bool(service.pod.get("topologySpreadConstraints")),
}


def _linter(annotations):
    prefix = "ignore-check.kube-linter.io/"
    return {key.removeprefix(prefix) for key in annotations if key.startswith(prefix)}


def _score(annotations):
    return {name.strip() for name in annotations.get("kube-score/ignore", "").split(",") if name}


def _polaris(annotations):
    prefix, suffix = "polaris.fairwinds.com/", "-exempt"
    return {
        key.removeprefix(prefix).removesuffix(suffix)
        for key, value in annotations.items()
        if key.startswith(prefix) and key.endswith(suffix) and value == "true"
    }


# Of CronJobs only.
KUBE_LINTER_JOBS = {
    # It would be a second limit, beside those of the history.
    "job-ttl-seconds-after-finished": lambda audit: (
        "ttlSecondsAfterFinished" not in audit.workload["spec"]["jobTemplate"]["spec"]
    ),
}
KUBE_SCORE_JOBS = {
    "cronjob-has-deadline": lambda audit: "startingDeadlineSeconds" in audit.workload["spec"],
    "cronjob-restartpolicy": lambda audit: audit.pod["restartPolicy"] in ("Never", "OnFailure"),
}

# Checks of other objects than pods, and of what only the pods of a Deployment have.
NOT_OF_JOBS = {
    "dangling-service", "deployment-has-host-podantiaffinity", "deployment-has-poddisruptionbudget",
    "deployment-pod-selector-labels-match-template-metadata-labels", "deployment-replicas",
    "deployment-strategy", "deploymentMissingReplicas", "invalid-target-ports", "liveness-port",
    "livenessProbeMissing", "mismatching-selector", "missingPodDisruptionBudget",
    "networkpolicy-targets-pod", "no-anti-affinity", "pdb-max-unavailable", "pdb-min-available",
    "pdb-unhealthy-pod-eviction-policy", "pdbDisruptionsIsZero", "pod-probes",
    "poddisruptionbudget-has-policy", "readiness-port", "readinessProbeMissing",
    "rolePodExecAttach", "rolebindingClusterAdminClusterRole", "sensitiveConfigmapContent",
    "service-targets-pod", "service-type", "startup-port",
}  # fmt: skip

# Each checker's checks, those of CronJobs, and how an object's annotations turn some of them off.
CHECKERS = {
    "kube-linter": (KUBE_LINTER, KUBE_LINTER_JOBS, _linter),
    "kube-score": (KUBE_SCORE, KUBE_SCORE_JOBS, _score),
    "Polaris": (POLARIS, {}, _polaris),
}


def failing(workload, checker):
    checks, of_jobs, _ = CHECKERS[checker]
    if workload.workload["kind"] == "CronJob":
        checks = {n: c for n, c in checks.items() if n not in NOT_OF_JOBS} | of_jobs
    return {name for name, passes in checks.items() if not passes(workload)}


def exempted(workload, checker):
    *_, read = CHECKERS[checker]
    objects = [workload.workload] + [
        o for o in workload.objects if o["kind"] not in ("Deployment", "CronJob")
    ]
    return {name for o in objects for name in read(o["metadata"].get("annotations", {}))}
