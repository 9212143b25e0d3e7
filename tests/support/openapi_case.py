"""What the OpenAPI tests of both services have in common: they send the requests that follow from
the document, and compare every response with it."""

import json
import pathlib
import re
import socket
import sqlite3
import tempfile
import threading
import unittest

from support.openapi import METHODS, Document
from support.program import SECONDS, Program

JSON = {"Content-Type": "application/json"}

# Documented, but nothing that a test can do leads to it.
NEVER_SEEN = {500: "only a bug of the program has this response"}
# The router exports these for every route (router.cpp), also for one that cannot give them.
EXPORTED_FOR_ALL = {200, 500, 503}
# Routes of the admin port, which the documents do not describe. The metrics do not tell ports.
ADMIN_PATHS = {"/readyz", "/metrics"}
# The page of invoice-app, which is for people.
PAGE_PATHS = {"/", "/page.css", "/page.js"}


class Service(unittest.TestCase):
    bin_dir = None  # of the programs
    name = None  # of the service
    program = None  # which gets the requests
    id = "I1"  # of something that exists
    headers = {}  # of every request

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="openapi-test.")
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.directory = pathlib.Path(cls.temporary.name)
        cls.document = Document(cls.name)

    @classmethod
    def start(cls, name, **variables):
        variables.setdefault("DATABASE_URL", f"sqlite:{cls.directory / name}.db")
        program = Program(cls.bin_dir / name, cls.directory, variables)
        cls.addClassCleanup(program.kill)
        return program

    def check(self, response, statuses, method, target):
        what = f"{method} {target}: {response}"
        self.assertIn(response.status, statuses, what)
        self.assertEqual(self.document.check(method, target, response), [], what)
        return response

    def exchange(self, statuses, method, target, body=b"", headers=()):
        """Sends a request, and GET also as HEAD. Returns the response."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = {**self.headers, **(JSON if body else {}), **dict(headers)}
        response = self.program.send(method, target, headers, body).end()
        self.check(response, statuses, method, target)
        if method == "GET":
            head = self.program.send("HEAD", target, headers, body).end()
            self.check(head, statuses, "HEAD", target)
            for name in ("content-type", "content-length", "etag", "link"):
                self.assertEqual(head.headers.get(name), response.headers.get(name), target)
        return response

    def expect(self, status, *request, **more):
        return self.exchange({status}, *request, **more)

    def get(self, target):
        return json.loads(self.expect(200, "GET", target).body)

    def targets(self, *methods):
        """(method, target, operation) of the operations with these methods."""
        for method, path, operation in self.document.operations():
            if method in methods:
                yield method.upper(), path.replace("{id}", self.id), operation

    def request_examples(self, operation):
        content = operation.get("requestBody", {}).get("content", {})
        examples = content.get("application/json", {}).get("examples", {})
        return [example["value"] for example in examples.values()]

    # ---- Steps of the test. ----

    def read_without_a_token(self):
        headers = {"Authorization": "Bearer wrong"}
        self.expect(200, "GET", "/livez", headers=headers)
        document = self.expect(200, "GET", "/openapi.json", headers=headers)
        self.assertEqual(document.body, self.document.path.read_bytes())

    def begin_slow_bodies(self):
        """Bodies that never end. Their responses come when the time for a body is over."""
        headers = {**self.headers, **JSON, "Content-Length": "100"}
        return [
            (target, self.program.send("POST", target, headers, b"["))
            for _, target, _ in self.targets("post")
        ]

    def compare_routes_with_the_metrics(self):
        exported = {}
        pattern = r'^http_requests_total\{code="(\d+)",method="(\w+)",path="([^"]+)"\}'
        for code, method, path in re.findall(pattern, self.program.metrics(), re.MULTILINE):
            if path not in ADMIN_PATHS | PAGE_PATHS:
                exported.setdefault(f"{method} {path}", set()).add(int(code))
        documented = {"other other": {400, *self.document.other_statuses()}}
        for method, path, status in self.document.documented():
            if path and method != "head":
                documented.setdefault(f"{method.upper()} {path}", set()).add(status)
        routes = sorted(documented)
        self.assertEqual(sorted(exported.keys() - documented), [], "routes that are not documented")
        self.assertEqual(sorted(documented.keys() - exported), [], "routes that do not exist")
        for route in routes:
            with self.subTest(route):
                missing = exported[route] - EXPORTED_FOR_ALL - documented[route]
                self.assertEqual(missing, set(), "statuses that are not documented")
                self.assertEqual(documented[route] - exported[route], set(), "never exported")
        for path in ADMIN_PATHS:
            self.expect(404, "GET", path)

    def send_examples(self):
        for method, target, operation in self.targets("post"):
            for example in self.request_examples(operation):
                with self.subTest(target, example=example):
                    self.exchange({200, 201, 207}, method, target, example)

    def send_bad_requests(self):
        for method, target, operation in self.targets("get", "post"):
            with self.subTest(target):
                self.expect(400, method, target + "?unknown=1")
                self.expect(405, "DELETE", target)
                if operation.get("security", self.document.content["security"]):
                    for authorization in ("", "Bearer wrong"):
                        headers = {"Authorization": authorization}
                        self.expect(401, method, target, headers=headers)
        for _, target, _ in self.targets("post"):
            with self.subTest(target):
                self.expect(403, "POST", target, b"[]", {"Sec-Fetch-Site": "cross-site"})
                self.expect(413, "POST", target, b"[", {"Content-Length": "10000000"})
                self.expect(415, "POST", target, b"[]", {"Content-Encoding": "gzip"})
                incomplete = self.program.send(
                    "POST", target, {**self.headers, **JSON, "Content-Length": "9"}, b"["
                )
                incomplete.socket.shutdown(socket.SHUT_WR)
                self.check(incomplete.end(), {400}, "POST", target)
        self.expect(404, "GET", "/nothing")
        self.expect(501, "BREW", "/summary")
        for status, request in (
            (400, "GET /summary HTTP/1.1\r\n\r\n"),
            (400, "nonsense\r\n\r\n"),
            (414, f"GET /{'a' * 100_000}"),
            (431, f"GET /summary HTTP/1.1\r\nX: {'a' * 100_000}"),
            (505, "GET /summary HTTP/2.0\r\n\r\n"),
        ):
            response = self.program.send_bytes(request.encode()).end()
            self.check(response, {status}, "GET", "/summary")

    def allow_the_documented_methods(self):
        for path in self.document.content["paths"]:
            target = path.replace("{id}", self.id)
            allow = self.expect(405, "PUT", target).headers["allow"]
            find = self.document.find_operation
            documented = {method.upper() for method in METHODS if find(method, target)[0]}
            self.assertEqual(set(allow.split(", ")), documented, target)

    def ask_again(self):
        for _, target, operation in self.targets("get"):
            if "304" in operation["responses"]:
                etag = self.expect(200, "GET", target).headers["etag"]
                headers = {"If-None-Match": etag}
                self.assertEqual(self.expect(304, "GET", target, headers=headers).body, b"")

    def lock_the_database(self):
        """After a change, so that no response is kept."""
        database = sqlite3.connect(self.directory / f"{self.name}.db", isolation_level=None)
        database.execute("BEGIN EXCLUSIVE")
        errors = []

        def call(method, target, body):
            try:
                headers = {**self.headers, **JSON}
                response = self.program.send(method, target, headers, body).end()
                self.check(response, {503}, method, target)
            except Exception as error:  # noqa: BLE001: shown by the test's thread
                errors.append(error)

        threads = []
        for method, target, operation in self.targets("get", "head", "post"):
            if "503" in operation["responses"]:
                bodies = [json.dumps(e).encode() for e in self.request_examples(operation)]
                arguments = (method, target, bodies[0] if bodies else b"")
                threads.append(threading.Thread(target=call, args=arguments))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
        database.close()
        self.assertEqual(errors, [])

    def end_slow_bodies(self, slow):
        for target, exchange in slow:
            self.check(exchange.end(), {408}, "POST", target)

    def expect_all_was_seen(self):
        missing = set(self.document.documented()) - self.document.seen
        self.assertEqual(
            sorted(f"{m} {p} {s}" for m, p, s in missing if s not in NEVER_SEEN), [], "not seen"
        )
        self.assertEqual({s for _, _, s in self.document.seen} & NEVER_SEEN.keys(), set())

    def refuse(self, target, bodies):
        """Bodies that neither the document nor the program accepts."""
        for body in bodies:
            with self.subTest(target, body=body):
                self.assertNotEqual(self.document.request_errors("post", target, body), [])
                self.expect(400, "POST", target, body.encode())

    def refuse_parameters(self, path, faulty):
        for parameter in faulty:
            self.expect(400, "GET", f"{path}?{parameter}")

    def read_all_pages(self, target):
        """The elements, which must be on more than one page."""
        elements, pages = [], 0
        while target:
            response = self.expect(200, "GET", target)
            elements += json.loads(response.body)
            link = re.fullmatch(r'<(/[^>]+)>; rel="next"', response.headers.get("link", ""))
            target = link and link[1]
            pages += 1
        self.assertGreater(pages, 1)
        return elements
