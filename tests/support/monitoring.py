"""The files of monitoring/, and Prometheus and Alertmanager that use them."""

import contextlib
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MONITORING = ROOT / "monitoring"
VARIABLES = {"$__rate_interval": "20s", "$job": ".+", "$instance": ".+"}


def load(name):
    """A file of monitoring/. JSON is YAML, too."""
    return yaml.safe_load((MONITORING / name).read_text(encoding="utf-8"))


def rules():
    return [rule for group in load("alerts.yaml")["groups"] for rule in group["rules"]]


def alerts():
    return [rule for rule in rules() if "alert" in rule]


def queries(board):
    """Title and expression of each query of a dashboard."""
    return [(p["title"], t["expr"]) for p in board["panels"] for t in p.get("targets", [])]


def metrics_of(expression):
    """The names of the metrics in a PromQL expression, and of those that rules record."""
    rest = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]', " ", expression.replace('\\"', ""))
    rest = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", rest)
    words = re.findall(r"(?<![\w.$])([a-zA-Z_:][\w:]*)\s*(\(?)", rest)
    return {word for word, call in words if not call} - {"and", "or", "unless", "bool", "offset"}


def free_port():
    """Below the ports that the system gives to clients."""
    while True:
        port = random.randrange(20000, 30000)
        with socket.socket() as candidate, contextlib.suppress(OSError):
            candidate.bind(("127.0.0.1", port))
            return port


def fetch(url, data=None):
    """Status and body. 0 without a response."""
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def eventually(what, seconds, condition):
    """What `condition` returns once it is true. Raises AssertionError after the deadline."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)
    return result


class Monitor:
    """scripts/monitor.sh with its configuration, but for these changes: every interval of scrapes and
    evaluations is a second, and with `at_once`, so is every "for" of the rules."""

    def __init__(self, directory, admin_ports, at_once=False):
        configuration = directory / "monitoring"
        configuration.mkdir()
        for name in ("alertmanager.yaml", "alerts.yaml", "prometheus.yaml"):
            text = (MONITORING / name).read_text(encoding="utf-8")
            text = re.sub(r"^( +(?:scrape_|evaluation_)?interval): \w+", r"\1: 1s", text, flags=re.MULTILINE)
            if at_once:
                text = re.sub(r"^( +for): \w+$", r"\1: 1s", text, flags=re.MULTILINE)
            (configuration / name).write_text(text, encoding="utf-8")
        prometheus, alertmanager = free_port(), free_port()
        environment = {
            **os.environ,
            "MONITORING": str(configuration),
            "PROMETHEUS_PORT": str(prometheus),
            "ALERTMANAGER_PORT": str(alertmanager),
            "INVOICE_APP_ADMIN_PORT": str(admin_ports[0]),
            "PAYMENT_PROVIDER_ADMIN_PORT": str(admin_ports[1]),
        }
        self.prometheus = f"http://127.0.0.1:{prometheus}"
        self.alertmanager = f"http://127.0.0.1:{alertmanager}"
        self.log = directory / "monitor.log"
        # It also stops if the test dies.
        command = ["setpriv", "--pdeathsig", "TERM", ROOT / "scripts/monitor.sh", directory / "data"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        eventually("Prometheus is ready", 60, self.is_ready)

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(self.log.read_text())
        return fetch(self.prometheus + "/-/ready")[0] == 200

    def stop(self):
        """As Ctrl-C does. Raises AssertionError if the script fails."""
        self.process.send_signal(signal.SIGINT)
        if self.process.wait(timeout=60) != 0:
            raise AssertionError(self.log.read_text())
