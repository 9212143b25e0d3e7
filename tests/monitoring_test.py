#!/usr/bin/env python3
"""Runs Prometheus and Alertmanager with the files of monitoring/, through scripts/monitor.sh, for a real
invoice-app and payment-provider.

    python3 tests/monitoring_test.py BIN_DIR
"""

import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

sys.dont_write_bytecode = True
from support import monitoring  # noqa: E402
from support.monitoring import Monitor, eventually, fetch  # noqa: E402
from support.program import Program  # noqa: E402

BINARIES = pathlib.Path()
OF_PROMETHEUS = {"up"}


class Pair(unittest.TestCase):
    """Has a running pair, and stops everything at the end."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="monitoring-test.")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.ports = {name: str(monitoring.free_port()) for name in ("PORT", "ADMIN_PORT")}
        self.provider = self.start("payment-provider", ACCEPTED_CURRENCIES="EUR,GBP", **self.ports)
        settings = {"PAYMENT_PROVIDER_URL": self.provider.url(), "PAY_WAIT_SECONDS": "1"}
        self.app = self.start("invoice-app", **settings)

    def start(self, name, **settings):
        (self.directory / f"{name}.ports").unlink(missing_ok=True)
        settings = {"DATABASE_URL": f"sqlite:{self.directory}/{name}.db", **settings}
        program = Program(BINARIES / name, self.directory, settings)
        self.addCleanup(program.kill)
        return program

    def start_monitor(self, **options):
        ports = [program.port("ADMIN_PORT") for program in (self.app, self.provider)]
        monitor = Monitor(self.directory, ports, **options)
        self.addCleanup(monitor.stop)
        return monitor

    def pay(self):
        return fetch(self.app.url() + "/invoices/pay", b"")[0]

    def add(self, identifier, currency="EUR"):
        invoice = {"InvoiceId": identifier, "Value": 12.15, "Currency": currency}
        self.assertEqual(fetch(self.app.url() + "/invoices", json.dumps(invoice).encode())[0], 201)

    def audit(self):
        command = [str(BINARIES / "invoice-app"), "--audit"]
        environment = {
            **os.environ,
            "DATABASE_URL": f"sqlite:{self.directory}/invoice-app.db",
            "PAYMENT_PROVIDER_URL": self.provider.url(),
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)


def samples(monitor, expression):
    """The values that a query returns, without those that are not numbers. None if it fails."""
    query = urllib.parse.urlencode({"query": expression})
    status, body = fetch(f"{monitor.prometheus}/api/v1/query?{query}")
    if status != 200:
        return None
    values = [float(result["value"][1]) for result in json.loads(body)["data"]["result"]]
    return [value for value in values if not math.isnan(value)]


def rules_of(monitor):
    groups = json.loads(fetch(monitor.prometheus + "/api/v1/rules")[1])["data"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


class HealthyPair(Pair):
    """Invoices are added and paid, one is refused, requests fail, and an audit has run."""

    def setUp(self):
        super().setUp()
        self.make_traffic()
        self.audit()
        self.monitor = self.start_monitor()
        self.traffic = 0

    def make_traffic(self, number=0):
        for letter in "ab":  # more than are refused
            self.add(f"paid-{number}{letter}")
        self.pay()  # gets 502, because the provider refuses DKK
        fetch(self.app.url() + "/invoices?unknown=1")
        fetch(self.provider.url() + "/payments")

    def has_data(self, expression):
        self.traffic += 1
        self.make_traffic(self.traffic)
        return samples(self.monitor, expression)

    def all_is_well(self):
        return all(
            rule["health"] == "ok"
            and (
                samples(self.monitor, rule["name"])
                if rule["type"] == "recording"
                else (rule["state"] != "inactive") == self.must_be_active(rule)
            )
            for rule in rules_of(self.monitor)
        )

    def must_be_active(self, rule):
        """The disk of this machine may be nearly full."""
        if rule["name"] != "InvoiceDiskNearlyFull":
            return False
        disk = os.statvfs(self.directory)
        return disk.f_bavail / disk.f_blocks < float(rule["query"].split("<")[1])

    def test_every_panel_has_data_and_no_alert_fires(self):
        for title, query in monitoring.queries(monitoring.load("dashboard.json")):
            for name, value in monitoring.VARIABLES.items():
                query = query.replace(name, value)
            with self.subTest(title, query=query):
                eventually(f"{title} has data", 60, lambda query=query: self.has_data(query))
        self.assertEqual(len(rules_of(self.monitor)), len(monitoring.rules()))
        # An alert may be pending for a moment, if a scrape took too long.
        eventually("all rules work, and no alert is pending or firing", 60, self.all_is_well)

    def test_every_metric_of_rules_and_dashboard_exists(self):
        texts = self.app.metrics() + self.provider.metrics()
        exported = OF_PROMETHEUS | set(re.findall(r"^(\w+)", texts, re.MULTILINE))
        exported |= {rule["record"] for rule in monitoring.rules() if "record" in rule}
        queries = [("dashboard", query) for _, query in monitoring.queries(monitoring.load("dashboard.json"))]
        for rule in monitoring.rules():
            queries.append((rule.get("alert") or rule["record"], rule["expr"]))
        for name, query in queries:
            with self.subTest(name, query=query):
                self.assertEqual(monitoring.metrics_of(query) - exported, set())
                self.assertTrue(monitoring.metrics_of(query))


class Alerts(Pair):
    """With a second in place of each "for" of the rules."""

    def active(self):
        return json.loads(fetch(self.monitor.alertmanager + "/api/v2/alerts?active=true")[1])

    def firing(self):
        return {(alert["labels"]["alertname"], alert["labels"]["job"]) for alert in self.active()}

    def test_a_broken_provider_is_reported_and_its_repair_too(self):
        self.monitor = self.start_monitor(at_once=True)
        reported = {("InvoiceProviderUnusable", "invoice-app"), ("InvoiceServiceDown", "payment-provider")}
        eventually("both are scraped", 60, lambda: samples(self.monitor, "sum(up) == 2"))
        eventually("both are up", 60, lambda: not self.firing() & reported)
        self.provider.kill()
        self.assertIn(self.pay(), (202, 503))
        eventually("the alerts arrive", 60, lambda: self.firing() >= reported)
        for alert in self.active():
            self.assertNotIn("<", "".join(alert["annotations"].values()))  # an error in a template
            self.assertEqual(fetch(alert["generatorURL"])[0], 200)
            self.assertTrue(alert["generatorURL"].startswith(self.monitor.prometheus))
        self.provider = self.start("payment-provider", **self.ports)
        eventually("the alerts are resolved", 60, lambda: not self.firing() & reported)
        eventually("all invoices are paid", 60, lambda: self.pay() == 200)


if __name__ == "__main__":
    BINARIES = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
