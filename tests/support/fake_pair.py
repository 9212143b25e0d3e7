#!/usr/bin/env python3
"""A fake of both services on one port, with a mistake that test.sh must find.

    fake_pair.py MISTAKE

Prints the port. MISTAKE "none": it behaves correctly in all that test.sh checks.
"""

import http.server
import json
import sys

MISTAKE = sys.argv[1]
invoices = []
ledger = []


def pay():
    if MISTAKE == "never-ends":
        return 202
    if MISTAKE == "refuses":
        return 502
    for invoice in invoices:
        if MISTAKE == "pays-nothing":
            continue
        money = {"value": invoice["Value"], "currency": invoice["Currency"]}
        if MISTAKE == "different-amount":
            money["value"] += 0.01
        payments = {"pays-twice": 2, "no-payment": 0}.get(MISTAKE, 1)
        if not invoice["IsPaid"] or MISTAKE == "pays-again":
            ledger.extend([{"id": invoice["InvoiceId"], **money}] * payments)
        invoice["IsPaid"] = True
    if MISTAKE == "loses-invoice":
        invoices.clear()
    return 200


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        unpaid = sum(not invoice["IsPaid"] for invoice in invoices)
        lists = {
            "/invoices": invoices,
            "/payments": ledger,
            "/summary": [{"Status": "unpaid", "Count": unpaid}, {"Status": "sending", "Count": 0}],
        }
        if query:  # of a page, whose prefix is the id of the only invoice
            status = {True: "paid", False: "unpaid"}
            lists["/invoices"] = [{**i, "Status": status[i["IsPaid"]]} for i in invoices]
        elif MISTAKE == "lists-less":
            lists["/invoices"] = []
        self.answer(200, lists[path])

    def do_POST(self):
        if self.path == "/invoices/pay":
            self.answer(pay(), {})
            return
        invoice = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        copies = {"drops-new": 0, "adds-twice": 2}.get(MISTAKE, 1)
        for _ in range(copies):
            invoices.append({**invoice, "IsPaid": MISTAKE == "paid-at-once"})
        self.answer(201, invoice)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
