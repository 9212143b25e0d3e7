// The changes of InvoiceTransaction, each in a transaction of its own. For tests.

#ifndef INVOICE_APP_TESTING_SINGLE_WRITES_H_
#define INVOICE_APP_TESTING_SINGLE_WRITES_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "invoice-app/invoice_store.h"

namespace invoice_app {

inline PayRun request_payment(InvoiceStore& store) {
  PayRun run{};
  store.write("request", [&](InvoiceTransaction& changes) { run = changes.request_payment(); });
  return run;
}

inline std::int64_t request_payment_of(InvoiceStore& store, const std::vector<std::string>& ids) {
  std::int64_t due = 0;
  store.write("request",
              [&](InvoiceTransaction& changes) { due = changes.request_payment_of(ids); });
  return due;
}

inline std::vector<Claim> claim_due(InvoiceStore& store, const Lease& lease, std::size_t limit) {
  std::vector<Claim> claims;
  store.write("claim", [&](InvoiceTransaction& changes) { claims = changes.claim(lease, limit); });
  return claims;
}

inline void settle(InvoiceStore& store, const std::string& owner,
                   std::span<const Settlement> settlements) {
  store.write("settle", [&](InvoiceTransaction& changes) { changes.settle(owner, settlements); });
}

}  // namespace invoice_app

#endif  // INVOICE_APP_TESTING_SINGLE_WRITES_H_
