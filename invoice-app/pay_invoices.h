// The use case behind POST /invoices/pay: asks for everything unpaid to be paid, and waits for a
// bounded time until that has ended. The paying itself is the workers' (payment_workers.h); the
// request is durable, so they go on when whoever waits is gone.
//
// Thread-safe: many may wait at one time, for the same work.

#ifndef INVOICE_APP_PAY_INVOICES_H_
#define INVOICE_APP_PAY_INVOICES_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "invoice-app/invoice_store.h"
#include "invoice-app/payment_workers.h"

namespace invoice_app {

// What became of the invoices that were due when the request was made.
struct PayReport {
  std::int64_t paid = 0;
  std::int64_t refused = 0;
  std::int64_t pending = 0;  // go on in the background
  // Set when waiting was cut short because the provider can't be used now: why.
  std::optional<std::string> provider_unavailable = {};
};

struct PayInvoicesOptions {
  std::chrono::milliseconds longest_wait{25'000};
  // Each who waits holds a thread of the server, so no more than this may; others are told at once
  // how things stand.
  int max_waiting = 32;
};

class PayInvoices {
 public:
  // The references must outlive this.
  PayInvoices(InvoiceStore& store, PaymentWorkers& workers, PayInvoicesOptions options = {})
      : store_(store), workers_(workers), options_(options) {}

  // Throws common::Unavailable when the store can't be used.
  PayReport pay_all();

  // From here on, nobody waits: what isn't ended is reported as pending. For a process that stops.
  void stop_waiting() { waiting_ends_ = true; }

 private:
  // Returns why the provider can't be used, if that is what ended the wait.
  std::optional<std::string> wait_until_ended(const PayRun& run);

  InvoiceStore& store_;
  PaymentWorkers& workers_;
  const PayInvoicesOptions options_;
  std::atomic<int> waiting_ = 0;
  std::atomic<bool> waiting_ends_ = false;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_PAY_INVOICES_H_
