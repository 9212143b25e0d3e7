#!/usr/bin/env python3
"""Checks overlays/postgresql as kubectl renders it. Without kubectl, checks only that its files
belong together.

    python3 tests/overlay_test.py
"""

import copy
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import yaml

sys.dont_write_bytecode = True
import manifests_test as plain  # noqa: E402
from support import audit_checks, linters, manifest_checks, network, pod_security  # noqa: E402
from support.manifest_checks import Check  # noqa: E402
from support.manifests import KUBECTL, NAME, OPENSHIFT, ROOT, amount, selects  # noqa: E402
from support.network import Party  # noqa: E402
from support.overlay_mutations import MUTATIONS  # noqa: E402

DATABASE = {NAME: "database"}


class Rendered(Check):
    def setUp(self):
        super().setUp()
        if not KUBECTL:
            self.skipTest("needs kubectl")
        self.services = self.repository.on_postgresql


# What is true on SQLite and must stay true. None: not on PostgreSQL.
class Pods(Rendered, plain.Pods):
    test_can_write_to_their_volume_and_nowhere_else = None
    test_of_a_service_stay_on_the_node_of_their_volume = None


class Network(Rendered, plain.Network):
    test_policies_admit_exactly_the_pairs_that_are_needed = None


class Configuration(Rendered, plain.Configuration):
    test_keeps_the_data_on_the_volume = None

    def test_has_only_variables_that_the_program_reads(self):
        for service in self.services:
            names = list(service.config) + [v["name"] for v in service.container["env"]]
            self.assertEqual(len(names), len(set(names)))
            self.assertLessEqual(set(names), service.variables())


class Audit(audit_checks.Audit, Rendered):
    pass


class Files(Check):
    """Without kubectl."""

    def kustomizations(self):
        for path in self.repository.paths("k8s") + self.repository.paths("overlays"):
            if pathlib.Path(path).name in ("Kustomization", "kustomization.yaml"):
                yield pathlib.Path(path).parent, yaml.safe_load(self.repository.read(path))

    def test_all_are_named_by_the_kustomization_of_their_folder(self):
        paths = self.repository.paths("k8s") + self.repository.paths("overlays")
        for folder, kustomization in self.kustomizations():
            named = kustomization.get("resources", []) + kustomization.get("components", [])
            named += [patch["path"] for patch in kustomization.get("patches", []) if "path" in patch]
            for generator in kustomization.get("configMapGenerator", []):
                named += generator["files"]
            files = {name for name in named if name.endswith((".yaml", ".sh"))}
            there = {pathlib.Path(p).name for p in paths if pathlib.Path(p).parent == folder}
            self.assertEqual(files, there - {"Kustomization", "kustomization.yaml"}, folder)
            for name in set(named) - files:  # folders
                target = (ROOT / folder / name).resolve().relative_to(ROOT)
                self.assertIn(target, [other for other, _ in self.kustomizations()])

    def test_plain_manifests_can_be_applied_without_kustomize(self):
        for service in self.services:
            folder = f"k8s/{service.name}"
            self.assertIn(f"{folder}/Kustomization", self.repository.paths(folder))
            self.assertNotIn(f"{folder}/kustomization.yaml", self.repository.paths(folder))


def known_to_kubernetes(o):
    """What kubectl, which knows the fields of the kind, reads from an object."""
    command = [KUBECTL, "set", "env", "--local", "--filename=-", "--output=json", "NEW=1"]
    run = subprocess.run(command, input=json.dumps(o), capture_output=True, text=True, check=True)
    read = json.loads(run.stdout)
    spec = read["spec"].get("jobTemplate", read)["spec"]
    for container in spec["template"]["spec"]["containers"]:
        container["env"].remove({"name": "NEW", "value": "1"})
    return read


def lacks(read, written):
    """Whether something of an object was not read. What is only in `read` are defaults."""
    if isinstance(written, dict):
        return any(key not in read or lacks(read[key], value) for key, value in written.items())
    if isinstance(written, list):
        return len(read) != len(written) or any(map(lacks, read, written))
    return read != written


class Overlay(Rendered):
    def test_has_only_fields_that_kubernetes_knows(self):
        workloads = [workload.workload for workload in self.workloads]
        for o in workloads + [o for o in self.repository.evaluation if o["kind"] == "StatefulSet"]:
            self.assertFalse(lacks(known_to_kubernetes(o), o), o["metadata"])

    def test_changes_only_what_postgresql_needs(self):
        changed = {"Deployment", "CronJob", "ConfigMap", "ResourceQuota"}
        for before, after in zip(self.repository.services, self.services, strict=True):
            new = [o for o in after.objects if o["metadata"]["name"] == "to-database"]
            self.assertEqual([o["kind"] for o in new], ["NetworkPolicy"])
            self.assertEqual(after.all("PersistentVolumeClaim"), [])
            for o in before.objects:
                if o["kind"] not in changed | {"PersistentVolumeClaim"}:
                    self.assertIn(o, after.objects)
            self.assertEqual(len(after.objects), len(before.objects))

    def test_pods_have_no_volume_but_secrets(self):
        for workload in self.workloads:
            for volume in workload.pod["volumes"]:
                self.assertEqual(set(volume), {"name", "secret"})
            for container in workload.containers:
                self.assertIs(container["securityContext"]["readOnlyRootFilesystem"], True)
                self.assertTrue(all(mount["readOnly"] for mount in container["volumeMounts"]))

    def test_pods_take_the_url_from_a_secret(self):
        for service in self.services:
            variables = {v["name"]: v["value"] for v in service.container["env"]}
            mounts = {mount["name"]: mount for mount in service.container["volumeMounts"]}
            volumes = {volume["name"]: volume for volume in service.pod["volumes"]}
            self.assertNotIn("DATABASE_URL", {**service.config, **variables})
            self.assertEqual(
                variables["DATABASE_URL_FILE"], mounts["database"]["mountPath"] + "/url"
            )
            secret = volumes["database"]["secret"]
            self.assertEqual(secret["secretName"], "database")
            self.assertFalse({"items", "optional"} & set(secret))

    def test_pods_are_spread_over_nodes_and_zones(self):
        for service in self.services:
            self.assertNotIn("affinity", service.pod)
            node, zone = service.pod["topologySpreadConstraints"]
            self.assertEqual(node["topologyKey"], "kubernetes.io/hostname")
            self.assertEqual(node["whenUnsatisfiable"], "DoNotSchedule")
            # Otherwise no pod could replace that of a node that is drained or lost.
            self.assertEqual(node["nodeTaintsPolicy"], "Honor")
            self.assertNotIn("minDomains", node)  # one node must do
            self.assertEqual(zone["topologyKey"], "topology.kubernetes.io/zone")
            self.assertEqual(zone["whenUnsatisfiable"], "ScheduleAnyway")
            for constraint in (node, zone):
                self.assertEqual(constraint["maxSkew"], 1)
                self.assertEqual(constraint["matchLabelKeys"], ["pod-template-hash"])
                self.assertTrue(selects(constraint["labelSelector"], service.labels))

    def test_the_audit_may_run_on_any_node(self):
        (audit,) = self.services[0].audits
        self.assertFalse({"affinity", "nodeName", "nodeSelector"} & set(audit.pod))

    def test_pods_of_a_lost_node_are_soon_replaced(self):
        for service in self.services:
            self.assertEqual(
                {t["key"]: (t["effect"], t["tolerationSeconds"]) for t in service.pod["tolerations"]},
                {
                    "node.kubernetes.io/unreachable": ("NoExecute", 30),
                    "node.kubernetes.io/not-ready": ("NoExecute", 30),
                },
            )

    def test_has_no_other_exemptions_from_the_linters(self):
        documented = linters.documented(self.repository.read("docs/kubernetes.md"))
        for o in (o for service in self.services for o in service.objects):
            exempted = linters.exemptions(o["metadata"].get("annotations", {}))
            self.assertLessEqual(exempted, documented)

    def test_policies_admit_the_database_and_nothing_else(self):
        here = [o for service in self.services for o in service.all("NetworkPolicy")]
        here += [o for o in self.repository.evaluation if o["kind"] == "NetworkPolicy"]
        databases = {}
        for number, namespace in enumerate(("invoicing", "payments", "default")):
            labels = self.statefulset()["spec"]["template"]["metadata"]["labels"]
            databases[f"database of {namespace}"] = Party(f"10.244.1.{number}", namespace, labels)
        parties = network.parties(self.services) | databases
        pairs = {
            ("invoice-app", "database of invoicing"),
            ("audit", "database of invoicing"),
            ("payment-provider", "database of payments"),
        }

        def admitted(policies, direction, among):
            return network.admitted(policies, among, direction)

        # Nothing that the plain policies allow is lost.
        before = admitted(self.repository.policies, "egress", parties)
        dns = {
            ("payment-provider", other, protocol, 53)
            for other in ("dns", "dns cache")
            for protocol in ("TCP", "UDP")
        }
        to_database = {(service, database, "TCP", 5432) for service, database in pairs}
        self.assertEqual(admitted(here, "egress", parties), before | dns | to_database)
        before = admitted(self.repository.policies, "ingress", parties)
        from_service = {(database, service, "TCP", 5432) for service, database in pairs}
        self.assertEqual(admitted(here, "ingress", parties), before | from_service)

    def statefulset(self):
        return next(o for o in self.repository.evaluation if o["kind"] == "StatefulSet")


class OpenShift(Rendered):
    USERS = ("runAsUser", "runAsGroup", "fsGroup")

    def test_differs_only_in_users_and_dns(self):
        rendered = {(o["kind"], o["metadata"]["name"], o["metadata"]["namespace"]): o
                    for o in self.repository.rendered(OPENSHIFT)}  # fmt: skip
        for service in (self.repository.invoice_app, self.repository.payment_provider):
            for path, (o,) in service.files.items():
                expected = copy.deepcopy(o)
                key = (o["kind"], o["metadata"]["name"], o["metadata"]["namespace"])
                found = rendered.pop(key)
                if o["kind"] in ("Deployment", "CronJob"):
                    spec = expected["spec"].get("jobTemplate", expected)["spec"]
                    for field in self.USERS:
                        del spec["template"]["spec"]["securityContext"][field]
                elif o["kind"] == "NetworkPolicy" and o["spec"].get("egress"):
                    dns = found["spec"]["egress"].pop()
                    (peer,) = dns["to"]
                    self.assertEqual(list(peer), ["namespaceSelector"])
                    labels = {"kubernetes.io/metadata.name": "openshift-dns"}
                    self.assertEqual(peer["namespaceSelector"], {"matchLabels": labels})
                    ports = {(port["protocol"], port["port"]) for port in dns["ports"]}
                    self.assertEqual(ports, {("UDP", 5353), ("TCP", 5353)})
                self.assertEqual(found, expected, path)
        self.assertEqual(rendered, {})


class Evaluation(Rendered):
    """The databases for evaluation."""

    def setUp(self):
        super().setUp()
        self.objects = self.repository.evaluation
        self.servers = [o for o in self.objects if o["kind"] == "StatefulSet"]
        self.pods = [o["spec"]["template"]["spec"] for o in self.servers]

    def test_is_one_in_each_namespace(self):
        kinds = ["ConfigMap", "NetworkPolicy", "Service", "StatefulSet"]
        for service in self.services:
            there = [o for o in self.objects if o["metadata"]["namespace"] == service.namespace]
            self.assertEqual(sorted(o["kind"] for o in there), kinds)
            for o in there:
                self.assertEqual(o["metadata"]["name"], "database")
                self.assertTrue(selects({"matchLabels": DATABASE}, o["metadata"]["labels"]))
        for server in self.servers:
            self.assertEqual(server["spec"]["replicas"], 1)
            self.assertTrue(
                selects(server["spec"]["selector"], server["spec"]["template"]["metadata"]["labels"])
            )

    def test_meets_the_restricted_pod_security_standard(self):
        for pod in self.pods:
            self.assertEqual(pod_security.broken_rules(pod), [])
            self.assertIs(pod["automountServiceAccountToken"], False)

    def test_writes_to_its_volume_and_to_memory_only(self):
        for server, pod in zip(self.servers, self.pods, strict=True):
            (container,) = pod["containers"]
            self.assertIs(container["securityContext"]["readOnlyRootFilesystem"], True)
            writable = {m["name"]: m for m in container["volumeMounts"] if not m.get("readOnly")}
            empty = {v["name"] for v in pod["volumes"] if "emptyDir" in v}
            (claim,) = server["spec"]["volumeClaimTemplates"]
            self.assertEqual(set(writable), empty | {claim["metadata"]["name"]})
            # A directory of its own: PostgreSQL accepts no other files there.
            variables = {v["name"]: v["value"] for v in container["env"]}
            self.assertTrue(variables["PGDATA"].startswith(writable["data"]["mountPath"] + "/"))

    def test_leaves_room_on_its_volume_beside_its_log(self):
        for server, pod in zip(self.servers, self.pods, strict=True):
            (claim,) = server["spec"]["volumeClaimTemplates"]
            (limit,) = [a for a in pod["containers"][0]["args"] if a.startswith("max_wal_size=")]
            log = amount(limit.split("=")[1].removesuffix("B") + "i")
            self.assertLess(2 * log, amount(claim["spec"]["resources"]["requests"]["storage"]))

    def test_creates_roles_for_plain_urls_only(self):
        script = self.repository.read("overlays/postgresql/evaluation/database/databases.sh")
        for url, accepted in (
            ("postgresql://payments:a-Z_9@database/payments", True),
            ("postgresql://payments:a%40b@database/payments", False),
            ("postgresql://payments:a@database:5432/payments", False),
            ("postgresql://payments:a@database/payments?sslmode=disable", False),
        ):
            with self.subTest(url=url), tempfile.TemporaryDirectory() as folder:
                pathlib.Path(folder, "database-url").write_text(url)
                text = "psql() { cat; }\n" + script.replace("/run/secrets", folder)
                run = subprocess.run(["bash", "-c", text], capture_output=True, text=True)
                self.assertEqual((run.returncode == 0, "CREATE ROLE" in run.stdout), (accepted,) * 2)

    def test_takes_its_password_from_the_secret_of_the_service(self):
        for pod in self.pods:
            (container,) = pod["containers"]
            mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
            (secret,) = [v for v in pod["volumes"] if "secret" in v]
            self.assertEqual(secret["secret"]["secretName"], "database")
            self.assertEqual(mounts[secret["name"]], "/run/secrets")
            (item,) = secret["secret"]["items"]
            self.assertEqual(item["key"], "url")
            self.assertRegex(item["path"], "-url$")  # databases.sh looks for these
            self.assertFalse({"POSTGRES_PASSWORD", "POSTGRES_HOST_AUTH_METHOD"} & {
                variable["name"] for variable in container["env"]
            })  # fmt: skip

    def test_has_the_image_of_the_compose_file(self):
        compose = yaml.safe_load(self.repository.read("docker-compose.yml"))
        for pod in self.pods:
            self.assertEqual(
                pod["containers"][0]["image"], compose["services"]["postgresql"]["image"]
            )

    def test_is_found_by_its_name(self):
        for service in (o for o in self.objects if o["kind"] == "Service"):
            self.assertEqual(service["spec"]["clusterIP"], "None")
            (port,) = service["spec"]["ports"]
            self.assertEqual(port["port"], 5432)
            self.assertEqual(service["spec"]["selector"], DATABASE)

    def test_fits_into_the_quota_beside_the_service(self):
        for service, pod in zip(self.services, reversed(self.pods), strict=True):
            hard = service.one("ResourceQuota")["spec"]["hard"]
            (container,) = pod["containers"]
            spec = service.deployment["spec"]
            pods = 2 * spec["replicas"] + spec["strategy"]["rollingUpdate"]["maxSurge"]
            others = 1 + len(service.audits)
            self.assertGreater(int(hard["pods"]), pods + others)  # one more, to debug with
            for quota in ("requests.cpu", "requests.memory", "limits.memory"):
                section, kind = quota.split(".")
                needed = pods * service.total(section, kind)
                needed += sum(audit.total(section, kind) for audit in service.audits)
                needed += amount(container["resources"][section][kind])
                self.assertGreaterEqual(amount(hard[quota]), needed, quota)
            for limit in service.one("LimitRange")["spec"]["limits"]:
                self.assertLessEqual(
                    amount(container["resources"]["limits"]["memory"]),
                    amount(limit["max"]["memory"]),
                )

    def test_counts_as_ready_when_its_database_exists(self):
        for pod in self.pods:
            (container,) = pod["containers"]
            self.assertNotIn("livenessProbe", container)
            for probe in ("startupProbe", "readinessProbe"):
                self.assertIn("--host=127.0.0.1", container[probe]["exec"]["command"])


class MovingData(Check):
    """The Job in the docs that copies the data of a service."""

    def jobs(self):
        docs = self.repository.read("docs/kubernetes.md")
        template = re.search(r"create -f - <<END &&\n(.*?)\nEND\n", docs, re.DOTALL)[1]
        for service in self.repository.services:
            text = template.replace("$image", "image:tag").replace("$2", service.name)
            yield service, yaml.safe_load(text)["spec"]["template"]

    def test_is_admitted_and_may_reach_the_database(self):
        policy = yaml.safe_load(
            self.repository.read("overlays/postgresql/common/networkpolicy.yaml")
        )
        for _, pod in self.jobs():
            self.assertEqual(pod_security.broken_rules(pod["spec"]), [])
            self.assertTrue(selects(policy["spec"]["podSelector"], pod["metadata"]["labels"]))

    def test_gets_no_requests(self):
        for service, pod in self.jobs():
            selector = {"matchLabels": service.one("Service")["spec"]["selector"]}
            self.assertFalse(selects(selector, pod["metadata"]["labels"]))

    def test_has_the_files_of_both_databases_where_the_service_has_them(self):
        for service, pod in self.jobs():
            volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
            claim = service.one("PersistentVolumeClaim")["metadata"]["name"]
            self.assertEqual(volumes["data"]["persistentVolumeClaim"]["claimName"], claim)
            self.assertEqual(volumes["database"]["secret"]["secretName"], "database")
            (container,) = pod["spec"]["containers"]
            paths = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
            self.assertEqual(paths, {"data": "/data", "database": "/etc/database"})
            docs = self.repository.read("docs/kubernetes.md")
            url = service.config["DATABASE_URL"]
            call = f"copy {service.namespace} {service.name} {url} file:/etc/database/url"
            self.assertIn(call, docs)

    def test_replaces_a_job_and_ends_with_the_first_failure(self):
        docs = self.repository.read("docs/kubernetes.md")
        function = re.search(r"^copy\(\) .*?^}$", docs, re.DOTALL | re.MULTILINE)[0]
        kubectl = 'kubectl() { echo "$*" >&2; [[ $* != *"$FAILS"* ]]; }'
        for fails in ("delete job copy", "apply -f", "get deployment", "create -f -", "wait"):
            run = subprocess.run(
                ["bash", "-c", f"{kubectl}\n{function}\ncopy payments payment-provider a b"],
                env={"FAILS": fails}, capture_output=True, text=True,
            )  # fmt: skip
            calls = run.stderr.splitlines()
            self.assertNotEqual(run.returncode, 0)
            self.assertIn("delete job copy", calls[0])
            self.assertIn(fails, calls[-1])


class Mutations(manifest_checks.Mutations):
    mutations = MUTATIONS
    classes = (Files, Overlay, OpenShift, Evaluation)


if __name__ == "__main__":
    unittest.main()
