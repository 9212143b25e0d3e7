#!/usr/bin/env python3
"""Checks the files of monitoring/ without running anything: the alert rules with their tests and their
runbook, the dashboard, and the objects for Kubernetes.

    python3 tests/alerts_test.py
"""

import re
import subprocess
import sys
import unittest

import yaml

sys.dont_write_bytecode = True
from support import dashboard_rules, monitoring  # noqa: E402
from support.manifests import NAME, Repository, selects  # noqa: E402
from support.monitoring import MONITORING, ROOT, load  # noqa: E402

RUNBOOK = "docs/alerts.md"
PARTS = ["Meaning", "Look at", "Do", "Harmless"]  # of each section of the runbook


def tool(*command):
    """Status and output of a program that runs in monitoring/."""
    done = subprocess.run(command, cwd=MONITORING, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def labels_of(sample):
    return dict(re.findall(r'(\w+)="([^"]*)"', sample))


def moments():
    """Of each check of an alert in alerts_test.yaml: the pattern of its name, its other labels, and the
    labels of the alerts that must fire."""
    for test in load("alerts_test.yaml")["tests"]:
        for check in test["promql_expr_test"]:
            pattern = re.search(r'alertname=~?"([^"]*)"', check["expr"]).group(1)
            fires = [labels_of(sample["labels"]) for sample in check.get("exp_samples", [])]
            yield pattern, labels_of(check["expr"]), fires


class Rules(unittest.TestCase):
    def test_their_tools_accept_the_files(self):
        for command in (
            ["promtool", "check", "rules", "--lint=all", "--lint-fatal", "alerts.yaml"],
            ["promtool", "check", "config", "prometheus.yaml"],
            ["amtool", "check-config", "alertmanager.yaml"],
        ):
            with self.subTest(command):
                status, output = tool(*command)
                self.assertEqual(status, 0, output)

    def test_fire_when_they_must_and_only_then(self):
        status, output = tool("promtool", "test", "rules", "alerts_test.yaml")
        self.assertEqual(status, 0, output)

    def test_each_alert_has_a_moment_to_fire_and_one_to_stay_silent(self):
        checks = list(moments())
        for alert in monitoring.alerts():
            labels = {"alertname": alert["alert"], **alert["labels"]}
            with self.subTest(labels):
                fired = [labels.items() <= f.items() for _, _, fires in checks for f in fires]
                self.assertIn(True, fired)
                silent = [
                    not any(labels.items() <= f.items() for f in fires)
                    for pattern, selector, fires in checks
                    if re.fullmatch(pattern, alert["alert"])
                    and all(labels.get(k, v) == v for k, v in selector.items() if k != "alertname")
                ]
                self.assertIn(True, silent)

    def test_say_what_is_wrong_how_bad_it_is_and_where_the_runbook_is(self):
        for alert in monitoring.alerts():
            name = alert["alert"]
            with self.subTest(name):
                self.assertIn(alert["labels"]["severity"], ("critical", "warning"))
                texts = alert["annotations"]
                self.assertEqual(sorted(texts), ["description", "runbook_url", "summary"])
                self.assertEqual(texts["runbook_url"], f"{RUNBOOK}#{name.lower()}")
                # In these texts, Prometheus has the labels of the expression, not those of the rule.
                used = set(re.findall(r"\$labels\.(\w+)", " ".join(texts.values())))
                self.assertEqual(used & set(alert["labels"]), set())

    def test_the_runbook_has_a_section_of_each_alert_and_of_no_other(self):
        text = (ROOT / RUNBOOK).read_text(encoding="utf-8")
        sections = dict(re.findall(r"^### (Invoice\w+)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL))
        self.assertEqual(set(sections), {alert["alert"] for alert in monitoring.alerts()})
        for name, section in sections.items():
            with self.subTest(name):
                self.assertEqual(re.findall(r"^\*\*(.*?)\*\*", section, re.MULTILINE), PARTS)


class Dashboard(unittest.TestCase):
    def test_follows_the_rules_of_the_dashboard_linter(self):
        self.assertEqual(dashboard_rules.findings(load("dashboard.json")), [])

    def test_a_dashboard_that_breaks_a_rule_is_found(self):
        def first(board):
            return next(p for p in board["panels"] if p["type"] != "row")

        def query(text):
            return lambda board: first(board)["targets"][0].update(expr=text)

        selector = '{job=~"$job",instance=~"$instance"}'
        for name, change in {
            "editable": lambda b: b.update(editable=True),
            "without the variable instance": lambda b: b["templating"]["list"].pop(),
            "a job of one value": lambda b: b["templating"]["list"][1].update(multi=False),
            "another data source": lambda b: first(b)["datasource"].update(uid="prometheus"),
            "no description": lambda b: first(b).pop("description"),
            "no unit": lambda b: first(b)["fieldConfig"]["defaults"].pop("unit"),
            "no query": lambda b: first(b).update(targets=[]),
            "panels with one id": lambda b: b["panels"][1].update(id=b["panels"][2]["id"]),
            "panels that overlap": lambda b: b["panels"][1].update(gridPos=b["panels"][2]["gridPos"]),
            "no instance": query('up{job=~"$job"}'),
            "one selector without job": query(f"up{selector} and up"),
            "a fixed interval": query(f"rate(http_requests_total{selector}[5m])"),
            "a counter without rate": query(f"sum(http_requests_total{selector})"),
        }.items():
            with self.subTest(name):
                board = load("dashboard.json")
                change(board)
                self.assertNotEqual(dashboard_rules.findings(board), [])


class Kubernetes(unittest.TestCase):
    def setUp(self):
        self.services = Repository().services

    def test_the_pod_monitor_finds_the_pods_and_their_admin_port(self):
        monitor = load("podmonitor.yaml")
        self.assertEqual((monitor["apiVersion"], monitor["kind"]), ("monitoring.coreos.com/v1", "PodMonitor"))
        spec = monitor["spec"]
        self.assertEqual(sorted(spec), ["jobLabel", "namespaceSelector", "podMetricsEndpoints", "selector"])
        (endpoint,) = spec["podMetricsEndpoints"]
        self.assertEqual(
            spec["namespaceSelector"]["matchNames"], [service.namespace for service in self.services]
        )
        for service in self.services:
            pod = service.deployment["spec"]["template"]["metadata"]
            self.assertTrue(selects(spec["selector"], pod["labels"]))
            self.assertEqual(pod["labels"][spec["jobLabel"]], service.name)
            ports = {p["name"]: str(p["containerPort"]) for p in service.container["ports"]}
            self.assertEqual(ports[endpoint["port"]], pod["annotations"]["prometheus.io/port"])
            self.assertEqual(endpoint["path"], pod["annotations"]["prometheus.io/path"])

    def test_both_objects_are_in_the_namespace_that_may_scrape(self):
        for name in ("podmonitor.yaml", "prometheusrule.yaml"):
            namespace = load(name)["metadata"]["namespace"]
            for service in self.services:
                allowed = [
                    source["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
                    for policy in service.all("NetworkPolicy")
                    for rule in policy["spec"].get("ingress", [])
                    for source in rule.get("from", [])
                ]
                self.assertIn(namespace, allowed)

    def test_the_command_of_the_docs_makes_a_prometheus_rule(self):
        docs = (ROOT / RUNBOOK).read_text(encoding="utf-8")
        (command,) = re.findall(r"^\$ (\(cat monitoring/prometheusrule\.yaml.*\)) \|", docs, re.MULTILINE)
        rule = yaml.safe_load(subprocess.check_output(["bash", "-c", command], cwd=ROOT, text=True))
        self.assertEqual(rule["kind"], "PrometheusRule")
        self.assertEqual(rule["spec"], load("alerts.yaml"))

    def test_the_job_of_a_target_is_the_services_name_everywhere(self):
        names = [service.deployment["metadata"]["labels"][NAME] for service in self.services]
        jobs = [job["job_name"] for job in load("prometheus.yaml")["scrape_configs"]]
        self.assertEqual(jobs, names)


if __name__ == "__main__":
    unittest.main()
