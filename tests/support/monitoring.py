"""The files of monitoring/, and the programs that use them."""

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


class Program:
    """A process with its output in a log. It gets SIGTERM at the end, and must then end with 0. It also
    gets SIGTERM if the test dies."""

    def __init__(self, command, log, environment):
        self.log = log
        self.killed = False
        with open(log, "ab") as output:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *command],
                stdout=output,
                stderr=output,
                env={**os.environ, **environment},
            )

    def kill(self):
        self.killed = True
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=60)
        if status != 0 and not self.killed:
            raise AssertionError(f"status {status}:\n{self.log.read_text()[-3000:]}")


class Service(Program):
    """invoice-app or payment-provider with SQLite in `directory`. `ports`: public and admin; 0: any. The
    next one with the same name has the same database."""

    def __init__(self, binaries, name, directory, ports=(0, 0), **environment):
        port_file = directory / f"{name}.ports"
        port_file.unlink(missing_ok=True)
        variables = {
            "PORT": str(ports[0]),
            "ADMIN_PORT": str(ports[1]),
            "PORT_FILE": str(port_file),
            "DATABASE_URL": f"sqlite:{directory}/{name}.db",
            **environment,
        }
        super().__init__([str(binaries / name)], directory / f"{name}.log", variables)
        eventually(f"{name} listens", 30, port_file.exists)
        found = dict(line.split("=") for line in port_file.read_text().split())
        self.port, self.admin_port = int(found["PORT"]), int(found["ADMIN_PORT"])
        self.url = f"http://127.0.0.1:{self.port}"
        self.admin_url = f"http://127.0.0.1:{self.admin_port}"

    def metrics(self):
        """The names of all samples of a scrape."""
        return set(re.findall(r"^([a-zA-Z_:][\w:]*)", fetch(self.admin_url + "/metrics")[1], re.MULTILINE))


class Monitor(Program):
    """scripts/monitor.sh with its configuration, but for these changes: every interval of scrapes and
    evaluations is a second, and with `at_once`, so is every "for" of the rules."""

    def __init__(self, directory, admin_ports, at_once=False):
        configuration = directory / "monitoring"
        configuration.mkdir()
        for name in ("alertmanager.yaml", "alerts.yaml", "prometheus.yaml"):
            text = (MONITORING / name).read_text(encoding="utf-8")
            text = re.sub(r"^(  (?:scrape|evaluation)_interval): \w+$", r"\1: 1s", text, flags=re.MULTILINE)
            if at_once:
                text = re.sub(r"^( +for): \w+$", r"\1: 1s", text, flags=re.MULTILINE)
            (configuration / name).write_text(text, encoding="utf-8")
        prometheus, alertmanager = free_port(), free_port()
        variables = {
            "MONITORING": str(configuration),
            "PROMETHEUS_PORT": str(prometheus),
            "ALERTMANAGER_PORT": str(alertmanager),
            "INVOICE_APP_ADMIN_PORT": str(admin_ports[0]),
            "PAYMENT_PROVIDER_ADMIN_PORT": str(admin_ports[1]),
        }
        script = str(ROOT / "scripts/monitor.sh")
        super().__init__([script, str(directory / "data")], directory / "monitor.log", variables)
        self.prometheus = f"http://127.0.0.1:{prometheus}"
        self.alertmanager = f"http://127.0.0.1:{alertmanager}"
        eventually("Prometheus is ready", 60, self.is_ready)

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(self.log.read_text())
        return fetch(self.prometheus + "/-/ready")[0] == 200
