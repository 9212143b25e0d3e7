#!/usr/bin/env python3
"""Compares both OpenAPI documents with the programs: every response is as its document says, every
documented operation and status is seen, and the documents have the routes of the programs.

    python3 tests/openapi_test.py DIRECTORY_OF_THE_PROGRAMS
"""

import json
import pathlib
import re
import signal
import sys
import time
import unittest

sys.dont_write_bytecode = True
from support import openapi_case  # noqa: E402
from support.openapi import ROOT, Document  # noqa: E402
from support.program import SECONDS  # noqa: E402

TOKEN = "token-of-the-test"


class PaymentProvider(openapi_case.Service):
    name = "payment-provider"
    headers = {"Authorization": f"Bearer {TOKEN}"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        token = cls.directory / "token"
        token.write_text(TOKEN)
        cls.program = cls.start(
            cls.name, PROVIDER_TOKEN_FILE=str(token), ACCEPTED_CURRENCIES="EUR"
        )

    def test_responses_are_as_documented(self):
        slow = self.begin_slow_bodies()
        self.compare_routes_with_the_metrics()
        self.read_without_a_token()
        self.send_examples()
        self.pay_one()
        self.pay_batches()
        self.read_the_ledger()
        self.ask_again()
        self.send_bad_requests()
        self.allow_the_documented_methods()
        self.pay(200, "last", 1)
        self.lock_the_database()
        self.end_slow_bodies(slow)
        self.expect_all_was_seen()

    def pay(self, status, id, value, currency="EUR", key=None):
        headers = {"Idempotency-Key": key} if key else {}
        body = {"id": id, "value": value, "currency": currency}
        return self.expect(status, "POST", "/payments/pay", body, headers)

    def pay_one(self):
        for replayed in (None, "true"):
            response = self.pay(200, "P1", 0.01, key="first")
            self.assertEqual(response.headers.get("idempotent-replayed"), replayed)
            self.pay(422, "P2", 5, "GBP")
        for type, arguments in (
            ("idempotency-key-reused", ("P1", 2, "EUR", "first")),
            ("amount-mismatch", ("P1", 2, "EUR", "second")),
            ("payment-refused", ("P3", 2, "LTL", "third")),
        ):
            problem = json.loads(self.pay(422, *arguments).body)
            self.assertEqual(problem["type"], f"urn:problem:{type}")
        self.expect(415, "POST", "/payments/pay", b"{}", {"Content-Type": "text/plain"})
        self.refuse("/payments/pay", ("[]", "{}", '{"id":"P4","value":"1","currency":"EUR"}'))
        self.expect(400, "POST", "/payments/pay", b"{", {})

    def pay_batches(self):
        orders = [
            {"idempotencyKey": key, "id": id, "value": value, "currency": currency}
            for key, id, value, currency in (
                ('a "\\ key', "B1", 1, "EUR"),
                ('a "\\ key', "B1", 1, "EUR"),
                ('a "\\ key', "B1", 2, "EUR"),
                ("other key", "B1", 2, "EUR"),
                ("refused", "B2", 2, "DKK"),
                ("refused", "B2", 2, "DKK"),
            )
        ]
        results = json.loads(self.expect(207, "POST", "/payments/batch", orders).body)
        self.assertEqual([r["status"] for r in results], [200, 200, 422, 422, 422, 422])
        self.refuse("/payments/batch", ("[]", "{}", '[{"id":"B3","value":1,"currency":"EUR"}]'))
        self.expect(400, "POST", "/payments/batch", orders, {"Idempotency-Key": "one for all"})

    def read_the_ledger(self):
        self.assertIn("P1", [payment["id"] for payment in self.get("/payments")])
        refused = self.get("/payments?status=refused&currency=GBP&limit=1000")
        self.assertEqual([payment["id"] for payment in refused], ["P2"])
        accepted = self.read_all_pages("/payments?status=accepted&limit=1")
        self.assertEqual([p["id"] for p in accepted], [p["id"] for p in self.get("/payments")])
        self.assertEqual(self.get("/payments?currency=CHF"), [])
        self.refuse_parameters(
            "/payments", ("status=paid", "currency=eur", "limit=0", "limit=1001", "cursor=x")
        )
        self.assertEqual(self.get("/payments/P1")["status"], "accepted")
        self.assertEqual(self.get("/payments/P2")["status"], "refused")
        for id in ("pay", "batch"):  # also the ends of other paths
            self.pay(200, id, 1)
            self.assertEqual(self.get(f"/payments/{id}")["id"], id)
        self.expect(404, "GET", "/payments/unknown")
        statuses = {total["status"] for total in self.get("/summary")}
        self.assertEqual(statuses, {"accepted", "refused"})


class InvoiceApp(openapi_case.Service):
    name = "invoice-app"
    id = "I4"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.provider = cls.start("payment-provider", ACCEPTED_CURRENCIES="EUR,JPY,KWD")
        cls.program = cls.start(
            cls.name,
            PAYMENT_PROVIDER_URL=cls.provider.url(),
            PAY_WAIT_SECONDS="1",
            SEED_INVOICES="false",
        )

    def test_responses_are_as_documented(self):
        slow = self.begin_slow_bodies()
        self.compare_routes_with_the_metrics()
        self.read_without_a_token()
        self.send_examples()
        self.add()
        self.pay_with_a_provider()
        self.read()
        self.ask_again()
        self.send_bad_requests()
        self.allow_the_documented_methods()
        self.pay_without_a_provider()
        self.add_invoice("last")
        self.lock_the_database()
        self.end_slow_bodies(slow)
        self.watch_until_it_stops()
        self.expect_all_was_seen()

    def add_invoice(self, id, status=201, value=1, currency="EUR"):
        body = {"InvoiceId": id, "Value": value, "Currency": currency}
        return self.expect(status, "POST", "/invoices", body)

    def add(self):
        response = self.add_invoice("I4", 200, 10.5)
        self.assertIn(b'"Value":10.50,', response.body)
        self.add_invoice("I4", 409)
        self.expect(200, "POST", "/invoices", [])
        self.expect(415, "POST", "/invoices", b"{}", {"Content-Type": "text/plain"})
        self.refuse(
            "/invoices",
            (
                "1",
                '{"InvoiceId":"a b","Value":1,"Currency":"EUR"}',
                '{"InvoiceId":"a","Value":0,"Currency":"EUR"}',
                '{"InvoiceId":"a","Value":1000000000000000,"Currency":"JPY"}',
                '{"InvoiceId":"a","Value":"1","Currency":"EUR"}',
                '{"InvoiceId":"a","Value":1,"Currency":"eur"}',
                '{"InvoiceId":"a","Value":1,"Currency":"EUR","IsPaid":true}',
                '[{"InvoiceId":"a","Value":1}]',
            ),
        )
        self.add_invoice("too-precise", 400, 0.001)

    def pay_until(self, status, target):
        """As any client may: a request that has waited for too long is sent again."""
        deadline = time.monotonic() + SECONDS
        while self.exchange({status, 202, 503}, "POST", target).status != status:
            self.assertLess(time.monotonic(), deadline, target)

    def pay_with_a_provider(self):
        self.pay_until(200, "/invoices/I4/pay")
        self.pay_until(200, "/invoices/pay")
        self.add_invoice("streamed")
        stream = self.expect(200, "POST", "/invoices/pay", headers={"Accept": "text/event-stream"})
        self.assertIn(b'"End":"settled"', stream.body)
        self.add_invoice("refused", currency="GBP")
        self.pay_until(502, "/invoices/pay")
        self.pay_until(502, "/invoices/refused/pay")
        self.expect(404, "POST", "/invoices/unknown/pay")

    def read(self):
        self.add_invoice("unpaid")
        self.assertIn("unpaid", [invoice["InvoiceId"] for invoice in self.get("/invoices")])
        for status, id in (("refused", "refused"), ("unpaid", "unpaid"), ("paid", "I4")):
            self.assertEqual(self.get(f"/invoices/{id}")["Status"], status)
            self.assertIn(id, [i["InvoiceId"] for i in self.get(f"/invoices?status={status}")])
        invoices = self.read_all_pages("/invoices?limit=2")
        self.assertEqual(len(invoices), len(self.get("/invoices")))
        self.assertEqual(self.get("/invoices?currency=GBP&prefix=ref")[0]["InvoiceId"], "refused")
        self.assertEqual(self.get("/invoices?status=sending"), [])
        self.refuse_parameters(
            "/invoices",
            ("status=open", "currency=eur", "prefix=a%20b", "limit=0", "limit=1001", "cursor=x"),
        )
        self.add_invoice("pay")  # also the end of another path
        self.assertEqual(self.get("/invoices/pay")["InvoiceId"], "pay")
        self.expect(404, "GET", "/invoices/unknown")
        self.assertEqual(self.get("/provider"), {"Status": "reachable"})
        totals = self.get("/summary")
        self.assertEqual({total["Currency"] for total in totals}, {"EUR", "GBP", "JPY", "KWD"})

    def pay_without_a_provider(self):
        self.provider.process.send_signal(signal.SIGSTOP)
        self.pay_until(202, "/invoices/pay")
        self.pay_until(202, "/invoices/unpaid/pay")
        self.provider.kill()
        self.pay_until(503, "/invoices/pay")
        self.assertEqual(self.get("/provider")["Status"], "unreachable")
        self.pay_until(503, "/invoices/unpaid/pay")

    def watch_until_it_stops(self):
        headers = {"Accept": "text/event-stream"}
        stream = self.program.send("POST", "/invoices/pay", headers).begin()
        read = b""
        while b'"ProviderUnavailable"' not in read:
            line = stream.reader.readline()
            self.assertNotEqual(line, b"", "the stream has ended")
            read += line
        self.program.process.send_signal(signal.SIGTERM)
        response = self.check(stream.end(read), {200}, "POST", "/invoices/pay")
        self.assertIn(b'"End":"stopping"', response.body)
        self.assertEqual(self.program.process.wait(SECONDS), 0)


class Documents(unittest.TestCase):
    def test_have_the_version_of_the_project(self):
        project = (ROOT / "CMakeLists.txt").read_text()
        version = re.search(r"project\(\S+ VERSION (\S+)", project)[1]
        for name in ("invoice-app", "payment-provider"):
            self.assertEqual(Document(name).content["info"]["version"], version)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    openapi_case.Service.bin_dir = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
