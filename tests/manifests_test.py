#!/usr/bin/env python3
"""Checks k8s/ as a whole, and docker-compose.yml: what we demand of each object, and what linters of
single objects can't see, which is whether the objects, the images and the programs agree.

    python3 tests/manifests_test.py
"""

import itertools
import re
import sys
import unittest

import yaml

sys.dont_write_bytecode = True
from support import audit_checks, linters, manifest_checks, network, pod_security  # noqa: E402
from support.manifest_checks import Check  # noqa: E402
from support.manifests import NAME, amount, selects  # noqa: E402
from support.mutations import MUTATIONS  # noqa: E402

DOCKERFILES = {"invoice-app": "Dockerfile.invoice", "payment-provider": "Dockerfile.payment"}


class Files(Check):
    def test_each_file_has_one_object_of_its_services_namespace(self):
        for service in self.services:
            for path, content in service.files.items():
                with self.subTest(path):
                    self.assertTrue(path.endswith(".yaml"))
                    self.assertEqual(len(content), 1)
                    self.assertEqual(content[0]["metadata"]["namespace"], service.namespace)
                    names = [workload.workload["metadata"]["name"] for workload in service.workloads]
                    self.assertIn(content[0]["metadata"]["labels"][NAME], names)

    def test_there_is_nothing_but_what_the_services_need(self):
        kinds = (
            "ConfigMap Deployment LimitRange NetworkPolicy NetworkPolicy PersistentVolumeClaim "
            "PodDisruptionBudget ResourceQuota Role RoleBinding Service ServiceAccount".split()
        )
        audit = ["CronJob", "NetworkPolicy"]
        for service, all_kinds in ((self.invoice_app, kinds + audit), (self.payment_provider, kinds)):
            self.assertEqual(sorted(o["kind"] for o in service.objects), sorted(all_kinds))
        self.assertEqual(
            sorted({path.split("/")[1] for path in self.repository.paths("k8s")}),
            ["00-namespaces.yaml", "invoice-app", "payment-provider"],
        )

    def test_kubectl_can_apply_them_all_in_the_order_of_their_paths(self):
        """As "kubectl apply -R -f k8s" does."""
        there = set()
        for path in self.repository.paths("k8s"):
            if not path.endswith((".yaml", ".yml", ".json")):
                continue
            for object_ in self.repository.documents(path):
                if object_["kind"] == "Namespace":
                    there.add(object_["metadata"]["name"])
                else:
                    self.assertIn(object_["metadata"]["namespace"], there, path)

    def test_namespaces_admit_restricted_pods_only(self):
        namespaces = self.repository.documents("k8s/00-namespaces.yaml")
        self.assertEqual(
            [(n["kind"], n["metadata"]["name"]) for n in namespaces],
            [("Namespace", name) for name in [service.namespace for service in self.services]],
        )
        for namespace in namespaces:
            for mode in ("enforce", "warn", "audit"):
                label = f"pod-security.kubernetes.io/{mode}"
                self.assertEqual(namespace["metadata"]["labels"][label], "restricted")
                self.assertEqual(namespace["metadata"]["labels"][label + "-version"], "latest")

    def test_versions_are_the_projects(self):
        project = self.repository.read("CMakeLists.txt")
        version = re.search(r"project\(\S+ VERSION (\S+)", project).group(1)
        for service in self.services:
            for workload in service.workloads:
                label = workload.workload["metadata"]["labels"]["app.kubernetes.io/version"]
                self.assertEqual(label, version)
                self.assertEqual(workload.container["image"], f"{service.name}:{version}")
            dockerfile = self.repository.read(DOCKERFILES[service.name])
            self.assertIn(f"\nARG VERSION={version}\n", dockerfile)
            self.assertIn(f" image: {service.name}:{version}\n", self.repository.read("docker-compose.yml"))
        self.assertIn(f"${{service%/*}}:{version} ", self.repository.read("docs/moving-data.md"))

    def test_exemptions_from_the_linters_have_their_reason_in_the_docs(self):
        exempted = set()
        for service in self.services:
            for o in service.objects:
                exempted |= linters.exemptions(o["metadata"].get("annotations", {}))
            for workload in service.workloads:
                self.assertEqual(linters.exemptions(workload.annotations), set())  # the template's
        docs = self.repository.read("docs/kubernetes.md")
        self.assertEqual(exempted, linters.documented(docs))


class Pods(Check):
    def test_meet_the_restricted_pod_security_standard(self):
        for workload in self.workloads:
            self.assertEqual(pod_security.broken_rules(workload.pod), [])
            self.assertFalse([key for key in workload.annotations if "apparmor" in key])

    def test_can_write_to_their_volume_and_nowhere_else(self):
        for workload in self.workloads:
            for container in workload.containers:
                self.assertIs(container["securityContext"]["readOnlyRootFilesystem"], True)
                writable = [m["name"] for m in container["volumeMounts"] if not m.get("readOnly")]
                self.assertEqual(writable, ["data"])

    def test_run_as_the_user_of_the_image(self):
        for service in self.services:
            dockerfile = self.repository.read(DOCKERFILES[service.name])
            for workload in service.workloads:
                security = workload.pod["securityContext"]
                user = f"{security['runAsUser']}:{security['runAsGroup']}"
                self.assertIn(f"\nUSER {user}\n", dockerfile)
                self.assertEqual(security["fsGroup"], security["runAsGroup"])
                for container in workload.containers:
                    self.assertFalse({"runAsUser", "runAsGroup"} & set(container["securityContext"]))

    def test_have_no_way_to_the_kubernetes_api(self):
        for service in self.services:
            account = service.one("ServiceAccount")
            self.assertIs(account["automountServiceAccountToken"], False)
            for workload in service.workloads:
                self.assertEqual(workload.pod["serviceAccountName"], account["metadata"]["name"])
                self.assertIs(workload.pod["automountServiceAccountToken"], False)
                self.assertIs(workload.pod["enableServiceLinks"], False)

    def test_probe_the_admin_port_and_not_twice_for_the_same(self):
        for service in self.services:
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
        for service in self.services:
            (limit,) = service.one("LimitRange")["spec"]["limits"]
            for container in (c for workload in service.workloads for c in workload.containers):
                requests, limits = (container["resources"][part] for part in ("requests", "limits"))
                self.assertEqual(set(requests), {"cpu", "memory", "ephemeral-storage"})
                self.assertEqual(set(limits), {"memory", "ephemeral-storage"})
                for kind in limits:
                    self.assertGreaterEqual(amount(limits[kind]), amount(requests[kind]))
                self.assertLessEqual(amount(limits["memory"]), amount(limit["max"]["memory"]))

    def test_fit_into_the_quota_while_all_are_replaced(self):
        for service in self.services:
            hard = service.one("ResourceQuota")["spec"]["hard"]
            spec = service.deployment["spec"]
            # Those that are told to stop count as long as they take to end.
            pods = 2 * spec["replicas"] + spec["strategy"]["rollingUpdate"]["maxSurge"]
            self.assertGreater(int(hard["pods"]), pods + len(service.audits))  # one to debug with
            for quota in ("requests.cpu", "requests.memory", "limits.memory"):
                needed = pods * service.total(*quota.split("."))
                needed += sum(audit.total(*quota.split(".")) for audit in service.audits)
                self.assertGreaterEqual(amount(hard[quota]), needed, quota)
            claims = [
                o["spec"]["resources"]["requests"] for o in service.all("PersistentVolumeClaim")
            ]
            self.assertGreaterEqual(int(hard["persistentvolumeclaims"]), len(claims))
            self.assertGreaterEqual(
                amount(hard["requests.storage"]), sum(amount(c["storage"]) for c in claims)
            )
            ports = service.one("Service")["spec"]["ports"]
            self.assertEqual(
                int(hard["services.nodeports"]), sum("nodePort" in port for port in ports)
            )

    def test_of_a_service_stay_on_the_node_of_their_volume(self):
        for service in self.services:
            claim = service.one("PersistentVolumeClaim")
            self.assertEqual(claim["spec"]["accessModes"], ["ReadWriteOnce"])
            self.assertNotIn("storageClassName", claim["spec"])
            for workload in service.workloads:
                volumes = {volume["name"]: volume for volume in workload.pod["volumes"]}
                source = {"claimName": claim["metadata"]["name"]}
                self.assertEqual(volumes["data"]["persistentVolumeClaim"], source)
                affinity = workload.pod["affinity"]["podAffinity"]
                (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
                self.assertEqual(term["topologyKey"], "kubernetes.io/hostname")
                self.assertTrue(selects(term["labelSelector"], service.labels))

    def test_are_never_fewer_than_three_during_an_update(self):
        for service in self.services:
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
        for service in self.services:
            wait = int(service.config.get("PAY_WAIT_SECONDS", 25))
            drain = int(service.config["DRAIN_SECONDS"])
            self.assertGreater(drain, 0)
            self.assertGreater(service.pod["terminationGracePeriodSeconds"], drain + wait)

    def test_take_images_that_are_tagged_and_already_there(self):
        for workload in self.workloads:
            for container in workload.containers:
                self.assertRegex(container["image"], r"^[a-z-]+:(?!latest$)[\w.-]+$")
                self.assertEqual(container["imagePullPolicy"], "IfNotPresent")


class Network(Check):
    def test_services_lead_to_the_pods_public_port(self):
        for service in self.services:
            spec = service.one("Service")["spec"]
            self.assertTrue(selects({"matchLabels": spec["selector"]}, service.labels))
            (port,) = spec["ports"]
            self.assertEqual(port["targetPort"], "http")
            self.assertEqual(port["port"], service.ports["http"])
            self.assertTrue(selects(service.deployment["spec"]["selector"], service.labels))

    def test_only_invoice_app_can_be_reached_from_outside(self):
        front = self.invoice_app.one("Service")["spec"]
        self.assertEqual((front["type"], front["ports"][0]["nodePort"]), ("NodePort", 30081))
        inner = self.payment_provider.one("Service")["spec"]
        self.assertEqual(inner["type"], "ClusterIP")
        self.assertNotIn("nodePort", inner["ports"][0])
        for spec in (front, inner):
            self.assertFalse({"externalIPs", "loadBalancerIP", "externalName"} & set(spec))
        hard = self.payment_provider.one("ResourceQuota")["spec"]["hard"]
        for kind in ("services.nodeports", "services.loadbalancers"):
            self.assertEqual(hard[kind], "0")
        self.assertEqual(hard["count/ingresses.networking.k8s.io"], "0")

    def test_invoice_app_knows_where_the_provider_is(self):
        service = self.payment_provider.one("Service")
        meta, port = service["metadata"], service["spec"]["ports"][0]["port"]
        self.assertEqual(
            self.invoice_app.config["PAYMENT_PROVIDER_URL"],
            f"http://{meta['name']}.{meta['namespace']}.svc.cluster.local:{port}",
        )

    def test_a_call_outlasts_lost_responses_of_dns(self):
        limits = self.repository.read("common/http/limits.h")
        (call_ms,) = re.findall(r"kCallTimeout\{([\d']+)\}", limits)
        for workload in self.invoice_app.workloads:
            options = {o["name"]: int(o["value"]) for o in workload.pod["dnsConfig"]["options"]}
            self.assertGreaterEqual(options["attempts"], 2)
            seconds = options["timeout"] * options["attempts"]
            self.assertLess(1000 * seconds, int(call_ms.replace("'", "")))

    def test_everything_is_denied_unless_a_policy_allows_it(self):
        for service in self.services:
            (deny,) = [p for p in service.all("NetworkPolicy") if p["spec"]["podSelector"] == {}]
            self.assertEqual(sorted(deny["spec"]["policyTypes"]), ["Egress", "Ingress"])
            self.assertFalse({"ingress", "egress"} & set(deny["spec"]))

    # Both ends must agree for a call to pass. Each is asked alone: neither leans on the other.
    def test_policies_admit_exactly_the_pairs_that_are_needed(self):
        parties = network.parties(self.services)

        def admitted(direction):
            return network.admitted(self.repository.policies, parties, direction)

        self.assertEqual(
            admitted("egress"),
            {
                (caller, called, protocol, port)
                for caller in ("invoice-app", "audit")
                for called, protocol, port in (
                    ("payment-provider", "TCP", 8082),
                    ("dns", "UDP", 53),
                    ("dns", "TCP", 53),
                    ("dns cache", "UDP", 53),
                    ("dns cache", "TCP", 53),
                )
            },
        )
        self.assertEqual(
            admitted("ingress"),
            {
                ("payment-provider", "invoice-app", "TCP", 8082),
                ("payment-provider", "audit", "TCP", 8082),
                ("payment-provider", "prometheus", "TCP", 9082),
                ("invoice-app", "prometheus", "TCP", 9081),
            }
            | {("invoice-app", other, "TCP", 8081) for other in set(parties) - {"invoice-app"}},
        )


class Configuration(Check):
    def test_has_only_variables_that_the_program_reads(self):
        for service in self.services:
            read_by_it = service.variables()
            self.assertLessEqual({"PORT", "DATABASE_URL", "DRAIN_SECONDS"}, read_by_it)
            names = list(service.config) + [v["name"] for v in service.container["env"]]
            self.assertEqual(len(names), len(set(names)))
            self.assertLessEqual(set(names), read_by_it)

    def test_is_text_and_all_of_it_reaches_the_container(self):
        for service in self.services:
            for value in service.config.values():
                self.assertIsInstance(value, str)
            name = service.one("ConfigMap")["metadata"]["name"]
            self.assertEqual(service.container["envFrom"], [{"configMapRef": {"name": name}}])

    def test_listens_where_the_container_says_it_does(self):
        for service in self.services:
            self.assertEqual(int(service.config["PORT"]), service.ports["http"])
            self.assertEqual(int(service.config["ADMIN_PORT"]), service.ports["admin"])

    def test_keeps_the_data_on_the_volume(self):
        for service in self.services:
            mounts = {mount["name"]: mount for mount in service.container["volumeMounts"]}
            self.assertFalse(mounts["data"].get("readOnly", False))
            self.assertRegex(
                service.config["DATABASE_URL"], rf"^sqlite:{mounts['data']['mountPath']}/\w+\.db$"
            )

    def test_takes_the_token_from_a_secret_that_is_not_in_the_repository(self):
        for service in self.services:
            self.assertFalse(service.all("Secret"))
            variables = {v["name"]: v["value"] for v in service.container["env"]}
            mounts = {mount["name"]: mount for mount in service.container["volumeMounts"]}
            volumes = {volume["name"]: volume for volume in service.pod["volumes"]}
            mount, secret = mounts["provider-token"], volumes["provider-token"]["secret"]
            self.assertTrue(mount["readOnly"])
            self.assertEqual(secret["secretName"], "provider-token")
            self.assertEqual(secret["items"], [{"key": "token", "path": "token"}])
            self.assertNotIn("optional", secret)
            self.assertEqual(variables["PROVIDER_TOKEN_FILE"], f"{mount['mountPath']}/token")


class Audit(audit_checks.Audit):
    pass


class Access(Check):
    READING = {"get", "list", "watch"}
    MAY_CHANGE = {
        "deployments", "deployments/scale", "poddisruptionbudgets", "configmaps", "services",
        "serviceaccounts", "pods", "pods/portforward", "cronjobs", "jobs",
    }  # fmt: skip

    def test_is_given_to_each_team_in_its_own_namespace(self):
        for service in self.services:
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
        for service in self.services:
            for rule in service.one("Role")["rules"]:
                resources, verbs = set(rule["resources"]), set(rule["verbs"])
                self.assertNotIn("*", resources | verbs | set(rule["apiGroups"]))
                self.assertFalse({"secrets", "pods/exec", "pods/attach"} & resources)
                self.assertFalse({"bind", "escalate", "impersonate", "deletecollection"} & verbs)
                if not resources <= self.MAY_CHANGE:
                    self.assertLessEqual(verbs, self.READING, resources)


class Compose(Check):
    def setUp(self):
        super().setUp()
        self.compose = yaml.safe_load(self.repository.read("docker-compose.yml"))

    def test_confines_both_services_as_kubernetes_does(self):
        names = {service.name for service in self.services}
        on_postgresql = {name + "-postgresql" for name in names}
        self.assertEqual(set(self.compose["services"]), names | on_postgresql | {"postgresql"})
        for service, suffix in itertools.product(self.services, ("", "-postgresql")):
            spec = self.compose["services"][service.name + suffix]
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

    def test_takes_secrets_from_where_git_does_not_look(self):
        for secret in self.compose["secrets"].values():
            self.assertEqual(set(secret), {"file"})
            self.assertTrue(secret["file"].startswith("build/"))
        self.assertIn("/build/", self.repository.read(".gitignore").splitlines())

    def test_lets_nobody_but_invoice_app_reach_the_provider(self):
        for suffix in ("", "-postgresql"):
            invoice_app = self.compose["services"]["invoice-app" + suffix]
            provider = self.compose["services"]["payment-provider" + suffix]
            self.assertFalse({"ports", "network_mode"} & set(provider))
            self.assertLessEqual(set(provider["networks"]), set(invoice_app["networks"]))
            for network in provider["networks"]:
                self.assertIs(self.compose["networks"][network]["internal"], True)
            for published in invoice_app["ports"]:
                self.assertTrue(published.startswith("127.0.0.1:"))

    def test_calls_the_provider_of_the_same_profile(self):
        for suffix in ("", "-postgresql"):
            invoice_app = self.compose["services"]["invoice-app" + suffix]
            url = invoice_app["environment"]["PAYMENT_PROVIDER_URL"]
            self.assertEqual(url, f"http://payment-provider{suffix}:8082")
            provider = self.compose["services"]["payment-provider" + suffix]
            self.assertIsInstance(provider["networks"], list)  # without other names


class Mutations(manifest_checks.Mutations):
    mutations = MUTATIONS
    classes = (Files, Pods, Network, Configuration, Audit, Access, Compose)


if __name__ == "__main__":
    unittest.main()
