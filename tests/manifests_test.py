#!/usr/bin/env python3
"""Checks k8s/ as a whole, and docker-compose.yml: what checkers of single objects look at, and what
they can't see, which is whether the objects, the images and the programs agree.

    python3 tests/manifests_test.py
"""

import re
import sys
import unittest

import yaml

sys.dont_write_bytecode = True
from support.manifests import (  # noqa: E402
    NAME,
    ROOT,
    Party,
    Service,
    amount,
    documents,
    may_call,
    read,
    selects,
)

INVOICE_APP = Service("invoice-app", namespace="invoicing", team="team-invoicing")
PAYMENT_PROVIDER = Service("payment-provider", namespace="payments", team="team-payments")
SERVICES = [INVOICE_APP, PAYMENT_PROVIDER]
DOCKERFILES = {"invoice-app": "Dockerfile.invoice", "payment-provider": "Dockerfile.payment"}
POLICIES = [policy for service in SERVICES for policy in service.all("NetworkPolicy")]


class Files(unittest.TestCase):
    def test_each_file_has_one_object_of_its_services_namespace(self):
        for service in SERVICES:
            for path, content in service.files.items():
                with self.subTest(path.name):
                    self.assertEqual(path.suffix, ".yaml")
                    self.assertEqual(len(content), 1)
                    self.assertEqual(content[0]["metadata"]["namespace"], service.namespace)
                    self.assertEqual(content[0]["metadata"]["labels"][NAME], service.name)

    def test_there_is_nothing_but_what_the_services_need(self):
        kinds = sorted(
            "ConfigMap Deployment LimitRange NetworkPolicy NetworkPolicy PersistentVolumeClaim "
            "PodDisruptionBudget ResourceQuota Role RoleBinding Service ServiceAccount".split()
        )
        for service in SERVICES:
            self.assertEqual(sorted(o["kind"] for o in service.objects), kinds)
        self.assertEqual(
            sorted(path.name for path in (ROOT / "k8s").iterdir()),
            ["invoice-app", "namespaces.yaml", "payment-provider"],
        )

    def test_namespaces_admit_restricted_pods_only(self):
        namespaces = documents(ROOT / "k8s" / "namespaces.yaml")
        self.assertEqual(
            [(n["kind"], n["metadata"]["name"]) for n in namespaces],
            [("Namespace", name) for name in [service.namespace for service in SERVICES]],
        )
        for namespace in namespaces:
            for mode in ("enforce", "warn", "audit"):
                label = f"pod-security.kubernetes.io/{mode}"
                self.assertEqual(namespace["metadata"]["labels"][label], "restricted")
                self.assertEqual(namespace["metadata"]["labels"][label + "-version"], "latest")

    def test_versions_are_the_projects(self):
        version = re.search(r"project\(\S+ VERSION (\S+)", read("CMakeLists.txt")).group(1)
        for service in SERVICES:
            label = service.deployment["metadata"]["labels"]["app.kubernetes.io/version"]
            self.assertEqual(label, version)
            self.assertEqual(service.container["image"], f"{service.name}:{version}")
            self.assertIn(f"\nARG VERSION={version}\n", read(DOCKERFILES[service.name]))

    def test_each_exemption_from_a_check_is_explained_in_the_docs(self):
        docs = read("docs", "kubernetes.md")
        for o in [o for service in SERVICES for o in service.objects]:
            for key, value in o["metadata"].get("annotations", {}).items():
                if key == "kube-score/ignore":
                    checks = [check.strip() for check in value.split(",")]
                else:
                    checks = [key.split("/")[1].removesuffix("-exempt")]
                for check in checks:
                    self.assertIn(f"`{check}`", docs)


class Pods(unittest.TestCase):
    def test_meet_the_restricted_pod_security_standard(self):
        for service in SERVICES:
            pod, security = service.pod, service.pod["securityContext"]
            self.assertFalse({"hostNetwork", "hostPID", "hostIPC", "hostAliases"} & set(pod))
            self.assertTrue(security["runAsNonRoot"])
            self.assertGreaterEqual(security["runAsUser"], 10000)
            self.assertGreaterEqual(security["runAsGroup"], 10000)
            self.assertEqual(security["seccompProfile"], {"type": "RuntimeDefault"})
            self.assertFalse({"sysctls", "supplementalGroups", "seLinuxOptions"} & set(security))
            for volume in pod["volumes"]:
                self.assertTrue({"persistentVolumeClaim", "secret"} & set(volume), volume)
            for container in service.containers:
                self.assertEqual(
                    container["securityContext"],
                    {
                        "privileged": False,
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                )
                for port in container.get("ports", []):
                    self.assertFalse({"hostPort", "hostIP"} & set(port))

    def test_run_as_the_user_of_the_image(self):
        for service in SERVICES:
            security = service.pod["securityContext"]
            user = f"{security['runAsUser']}:{security['runAsGroup']}"
            self.assertIn(f"\nUSER {user}\n", read(DOCKERFILES[service.name]))
            self.assertEqual(security["fsGroup"], security["runAsGroup"])

    def test_have_no_way_to_the_kubernetes_api(self):
        for service in SERVICES:
            account = service.one("ServiceAccount")
            self.assertEqual(service.pod["serviceAccountName"], account["metadata"]["name"])
            self.assertIs(account["automountServiceAccountToken"], False)
            self.assertIs(service.pod["automountServiceAccountToken"], False)
            self.assertIs(service.pod["enableServiceLinks"], False)

    def test_probe_the_admin_port_and_not_twice_for_the_same(self):
        for service in SERVICES:
            for container in service.containers:
                probed = {}
                for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                    request = container[probe]["httpGet"]
                    self.assertEqual(request["port"], "admin")
                    self.assertIn("admin", service.ports)
                    probed[probe] = request["path"]
                self.assertEqual(probed["livenessProbe"], "/livez")
                self.assertEqual(probed["startupProbe"], "/livez")
                self.assertEqual(probed["readinessProbe"], "/readyz")

    def test_ask_for_resources_and_limit_memory_and_storage(self):
        for service in SERVICES:
            for container in service.containers:
                resources = container["resources"]
                self.assertEqual(set(resources["requests"]), {"cpu", "memory", "ephemeral-storage"})
                self.assertEqual(set(resources["limits"]), {"memory", "ephemeral-storage"})
                for kind, limit in resources["limits"].items():
                    self.assertGreaterEqual(amount(limit), amount(resources["requests"][kind]))
                for limit in service.one("LimitRange")["spec"]["limits"]:
                    self.assertLessEqual(
                        amount(resources["limits"]["memory"]), amount(limit["max"]["memory"])
                    )

    def test_fit_into_the_quota_with_one_more_while_they_are_replaced(self):
        for service in SERVICES:
            hard = service.one("ResourceQuota")["spec"]["hard"]
            spec = service.deployment["spec"]
            pods = spec["replicas"] + spec["strategy"]["rollingUpdate"]["maxSurge"]
            self.assertGreater(int(hard["pods"]), pods)
            for quota in ("requests.cpu", "requests.memory", "limits.memory"):
                section, kind = quota.split(".")
                needed = pods * sum(
                    amount(container["resources"][section][kind])
                    for container in service.containers
                )
                self.assertGreater(amount(hard[quota]), needed, quota)

    def test_of_a_service_stay_on_the_node_of_their_volume(self):
        for service in SERVICES:
            claim = service.one("PersistentVolumeClaim")
            self.assertEqual(claim["spec"]["accessModes"], ["ReadWriteOnce"])
            self.assertNotIn("storageClassName", claim["spec"])
            volumes = {volume["name"]: volume for volume in service.pod["volumes"]}
            self.assertEqual(
                volumes["data"]["persistentVolumeClaim"], {"claimName": claim["metadata"]["name"]}
            )
            affinity = service.pod["affinity"]["podAffinity"]
            (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
            self.assertEqual(term["topologyKey"], "kubernetes.io/hostname")
            self.assertTrue(selects(term["labelSelector"], service.labels))

    def test_are_never_fewer_than_three_during_an_update(self):
        for service in SERVICES:
            spec = service.deployment["spec"]
            self.assertEqual(spec["replicas"], 3)
            self.assertEqual(
                spec["strategy"],
                {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            )
            self.assertGreater(spec["minReadySeconds"], 0)
            budget = service.one("PodDisruptionBudget")["spec"]
            self.assertTrue(selects(budget["selector"], service.labels))
            self.assertLess(budget["maxUnavailable"], spec["replicas"])
            self.assertGreater(budget["maxUnavailable"], 0)

    def test_have_time_to_drain_and_to_finish(self):
        for service in SERVICES:
            wait = int(service.config.get("PAY_WAIT_SECONDS", 25))
            drain = int(service.config["DRAIN_SECONDS"])
            self.assertGreater(drain, 0)
            self.assertGreater(service.pod["terminationGracePeriodSeconds"], drain + wait)

    def test_take_images_that_are_tagged_and_already_there(self):
        for service in SERVICES:
            for container in service.containers:
                self.assertRegex(container["image"], r"^[a-z-]+:(?!latest$)[\w.-]+$")
                self.assertEqual(container["imagePullPolicy"], "IfNotPresent")


class Network(unittest.TestCase):
    def test_services_lead_to_the_pods_public_port(self):
        for service in SERVICES:
            spec = service.one("Service")["spec"]
            self.assertTrue(selects({"matchLabels": spec["selector"]}, service.labels))
            (port,) = spec["ports"]
            self.assertEqual(port["targetPort"], "http")
            self.assertEqual(port["port"], service.ports["http"])
            self.assertTrue(selects(service.deployment["spec"]["selector"], service.labels))

    def test_only_invoice_app_can_be_reached_from_outside(self):
        front = INVOICE_APP.one("Service")["spec"]
        self.assertEqual((front["type"], front["ports"][0]["nodePort"]), ("NodePort", 30081))
        inner = PAYMENT_PROVIDER.one("Service")["spec"]
        self.assertEqual(inner["type"], "ClusterIP")
        self.assertNotIn("nodePort", inner["ports"][0])
        for spec in (front, inner):
            self.assertFalse({"externalIPs", "loadBalancerIP", "externalName"} & set(spec))
        hard = PAYMENT_PROVIDER.one("ResourceQuota")["spec"]["hard"]
        for kind in ("services.nodeports", "services.loadbalancers"):
            self.assertEqual(hard[kind], "0")
        self.assertEqual(hard["count/ingresses.networking.k8s.io"], "0")

    def test_invoice_app_knows_where_the_provider_is(self):
        service = PAYMENT_PROVIDER.one("Service")
        meta, port = service["metadata"], service["spec"]["ports"][0]["port"]
        self.assertEqual(
            INVOICE_APP.config["PAYMENT_PROVIDER_URL"],
            f"http://{meta['name']}.{meta['namespace']}.svc.cluster.local:{port}",
        )

    def test_everything_is_denied_unless_a_policy_allows_it(self):
        for service in SERVICES:
            (deny,) = [p for p in service.all("NetworkPolicy") if p["spec"]["podSelector"] == {}]
            self.assertEqual(sorted(deny["spec"]["policyTypes"]), ["Egress", "Ingress"])
            self.assertFalse({"ingress", "egress"} & set(deny["spec"]))

    def test_policies_admit_exactly_the_pairs_that_are_needed(self):
        parties = {
            "invoice-app": Party("invoicing", INVOICE_APP.labels),
            "payment-provider": Party("payments", PAYMENT_PROVIDER.labels),
            "prometheus": Party("monitoring"),
            "dns": Party("kube-system", {"k8s-app": "kube-dns"}),
            "dns cache": Party(address="169.254.20.10"),
            "internet": Party(address="203.0.113.1"),
            "neighbour of invoice-app": Party("invoicing", {NAME: "other"}),
            "neighbour of payment-provider": Party("payments", {NAME: "other"}),
            "impostor elsewhere": Party("default", INVOICE_APP.labels),
            "impostor as provider": Party("default", PAYMENT_PROVIDER.labels),
            "stranger": Party("default"),
            "system pod": Party("kube-system"),
        }
        # Not asked of the policies: what others do among themselves, and with those outside.
        ours = {name for name, party in parties.items() if party.namespace in
                {service.namespace for service in SERVICES}}
        ports = [("TCP", p) for p in (8081, 8082, 9081, 9082, 53, 80, 443)] + [("UDP", 53)]
        admitted = {
            (source, target, protocol, port)
            for source in parties
            for target in parties
            if source != target and {source, target} & ours
            for protocol, port in ports
            if may_call(POLICIES, parties[source], parties[target], protocol, port)
        }
        wanted = {
            ("invoice-app", "payment-provider", "TCP", 8082),
            ("invoice-app", "dns", "UDP", 53),
            ("invoice-app", "dns", "TCP", 53),
            ("invoice-app", "dns cache", "UDP", 53),
            ("invoice-app", "dns cache", "TCP", 53),
            ("prometheus", "invoice-app", "TCP", 9081),
            ("prometheus", "payment-provider", "TCP", 9082),
        } | {(source, "invoice-app", "TCP", 8081) for source in set(parties) - ours}
        self.assertEqual(admitted, wanted)


class Configuration(unittest.TestCase):
    def test_has_only_variables_that_the_program_reads(self):
        for service in SERVICES:
            read_by_it = service.variables()
            self.assertLessEqual({"PORT", "DATABASE_URL", "DRAIN_SECONDS"}, read_by_it)
            names = list(service.config) + [v["name"] for v in service.container["env"]]
            self.assertEqual(len(names), len(set(names)))
            self.assertLessEqual(set(names), read_by_it)

    def test_is_text_and_all_of_it_reaches_the_container(self):
        for service in SERVICES:
            for value in service.config.values():
                self.assertIsInstance(value, str)
            name = service.one("ConfigMap")["metadata"]["name"]
            self.assertEqual(service.container["envFrom"], [{"configMapRef": {"name": name}}])

    def test_listens_where_the_container_says_it_does(self):
        for service in SERVICES:
            self.assertEqual(int(service.config["PORT"]), service.ports["http"])
            self.assertEqual(int(service.config["ADMIN_PORT"]), service.ports["admin"])

    def test_keeps_the_data_on_the_volume(self):
        for service in SERVICES:
            mounts = {mount["name"]: mount for mount in service.container["volumeMounts"]}
            self.assertFalse(mounts["data"].get("readOnly", False))
            self.assertRegex(
                service.config["DATABASE_URL"], rf"^sqlite:{mounts['data']['mountPath']}/\w+\.db$"
            )

    def test_takes_the_token_from_a_secret_that_is_not_in_the_repository(self):
        for service in SERVICES:
            self.assertFalse(service.all("Secret"))
            (variable,) = service.container["env"]
            mounts = {mount["name"]: mount for mount in service.container["volumeMounts"]}
            volumes = {volume["name"]: volume for volume in service.pod["volumes"]}
            mount, secret = mounts["provider-token"], volumes["provider-token"]["secret"]
            self.assertTrue(mount["readOnly"])
            self.assertEqual(secret["secretName"], "provider-token")
            self.assertEqual(secret["items"], [{"key": "token", "path": "token"}])
            self.assertNotIn("optional", secret)
            self.assertEqual(
                variable,
                {"name": "PROVIDER_TOKEN_FILE", "value": f"{mount['mountPath']}/token"},
            )


class Access(unittest.TestCase):
    READING = {"get", "list", "watch"}
    MAY_CHANGE = {
        "deployments", "deployments/scale", "poddisruptionbudgets", "configmaps", "services",
        "serviceaccounts", "pods", "pods/portforward",
    }  # fmt: skip

    def test_is_given_to_each_team_in_its_own_namespace(self):
        for service in SERVICES:
            role, binding = service.one("Role"), service.one("RoleBinding")
            group = "rbac.authorization.k8s.io"
            self.assertEqual(
                binding["roleRef"],
                {"apiGroup": group, "kind": "Role", "name": role["metadata"]["name"]},
            )
            self.assertEqual(
                binding["subjects"], [{"apiGroup": group, "kind": "Group", "name": service.team}]
            )

    def test_is_to_named_things_and_neither_to_secrets_nor_into_pods(self):
        for service in SERVICES:
            for rule in service.one("Role")["rules"]:
                resources, verbs = set(rule["resources"]), set(rule["verbs"])
                self.assertNotIn("*", resources | verbs | set(rule["apiGroups"]))
                self.assertFalse({"secrets", "pods/exec", "pods/attach"} & resources)
                self.assertFalse({"bind", "escalate", "impersonate", "deletecollection"} & verbs)
                if not resources <= self.MAY_CHANGE:
                    self.assertLessEqual(verbs, self.READING, resources)


class Compose(unittest.TestCase):
    def setUp(self):
        self.compose = yaml.safe_load(read("docker-compose.yml"))

    def test_confines_both_services_as_kubernetes_does(self):
        self.assertEqual(set(self.compose["services"]), {service.name for service in SERVICES})
        for service in SERVICES:
            spec = self.compose["services"][service.name]
            self.assertIs(spec["read_only"], True)
            self.assertEqual(spec["cap_drop"], ["ALL"])
            self.assertEqual(spec["security_opt"], ["no-new-privileges:true"])
            self.assertEqual(spec["build"]["dockerfile"], DOCKERFILES[service.name])
            self.assertEqual(spec["image"], service.container["image"])
            self.assertLessEqual(set(spec["environment"]), service.variables())
            self.assertEqual(
                amount(service.container["resources"]["limits"]["memory"]),
                amount(spec["mem_limit"].replace("m", "Mi").replace("g", "Gi")),
            )

    def test_lets_nobody_but_invoice_app_reach_the_provider(self):
        invoice_app = self.compose["services"]["invoice-app"]
        provider = self.compose["services"]["payment-provider"]
        self.assertFalse({"ports", "network_mode"} & set(provider))
        (shared,) = set(provider["networks"]) & set(invoice_app["networks"])
        self.assertEqual(provider["networks"], [shared])
        self.assertIs(self.compose["networks"][shared]["internal"], True)
        for published in invoice_app["ports"]:
            self.assertTrue(published.startswith("127.0.0.1:"))


if __name__ == "__main__":
    unittest.main()
