"""A program under test as a process of its own, and requests to it byte by byte."""

import http.client
import os
import re
import signal
import socket
import subprocess
import time
from typing import NamedTuple

SECONDS = 60  # for anything that must happen


class Response(NamedTuple):
    status: int
    headers: dict  # names in lower case
    body: bytes


def encode(method, target, headers=(), body=b""):
    lines = [f"{method} {target} HTTP/1.1", "Host: test", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in dict(headers).items()]
    if body and "Content-Length" not in dict(headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class Exchange:
    """A request that was sent, and its response."""

    def __init__(self, port, request, method):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self.socket.sendall(request)
        self.method = method
        self.reader = None

    def begin(self):
        """Reads the head of the response. `reader` reads its body."""
        self.reader = http.client.HTTPResponse(self.socket, method=self.method)
        self.reader.begin()
        return self

    def end(self, read_already=b""):
        if self.reader is None:
            self.begin()
        body = read_already + self.reader.read()
        self.reader.close()
        self.socket.close()
        headers = {name.lower(): value for name, value in self.reader.getheaders()}
        return Response(self.reader.status, headers, body)


class Program:
    def __init__(self, binary, directory, variables):
        self.ports = directory / f"{binary.name}.ports"
        self.log_path = directory / f"{binary.name}.log"
        environment = {
            "PATH": os.environ["PATH"],
            "PORT": "0",
            "ADMIN_PORT": "0",
            "PORT_FILE": str(self.ports),
            **variables,
        }
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen([binary], env=environment, stdout=log, stderr=log)
        try:
            self.await_ready()
        except BaseException:
            self.kill()
            raise

    def await_ready(self):
        deadline = time.monotonic() + SECONDS
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                log = self.log_path.read_text()
                raise AssertionError(f"{self.process.args} is not ready: {log}")
            time.sleep(0.02)

    def is_ready(self):
        if not self.ports.exists():
            return False
        request = encode("GET", "/readyz")
        return Exchange(self.port("ADMIN_PORT"), request, "GET").end().status == 200

    def port(self, name="PORT"):
        return int(re.search(rf"^{name}=(\d+)$", self.ports.read_text(), re.MULTILINE)[1])

    def url(self):
        return f"http://127.0.0.1:{self.port()}"

    def metrics(self):
        request = encode("GET", "/metrics")
        return Exchange(self.port("ADMIN_PORT"), request, "GET").end().body.decode()

    def send(self, method, target, headers=(), body=b""):
        return Exchange(self.port(), encode(method, target, headers, body), method)

    def send_bytes(self, request, method="GET"):
        return Exchange(self.port(), request, method)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
