// The use case behind POST /invoices/pay: makes all unpaid invoices due and waits, for a limited
// time, until they are paid or refused. The workers pay them (payment_workers.h). The request is
// durable, so the workers continue if the caller disconnects.
//
// Thread-safe. Concurrent callers wait for the same work.

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

// The invoices that were due when the request was made, by their state now.
struct PayReport {
  std::int64_t paid = 0;
  std::int64_t refused = 0;
  std::int64_t pending = 0;  // the workers continue with them in the background
  // The provider's failure, if that ended the wait early.
  std::optional<std::string> provider_unavailable = {};
};

struct PayInvoicesOptions {
  std::chrono::milliseconds longest_wait{25'000};
  // Callers that may wait concurrently, because each holds a thread of the server. Further callers
  // get 202 at once.
  int max_waiting = 32;
};

class PayInvoices {
 public:
  // The references must outlive this.
  PayInvoices(InvoiceStore& store, PaymentWorkers& workers, PayInvoicesOptions options = {})
      : store_(store), workers_(workers), options_(options) {}

  // Throws common::Unavailable if the store can't be used.
  PayReport pay_all();

  // All calls return at once from now on. Waiting calls notice it within 50 ms. For a stop.
  void stop_waiting() { waiting_ends_ = true; }

 private:
  // Returns the provider's failure, if that ended the wait.
  std::optional<std::string> wait_until_ended(const PayRun& run);

  InvoiceStore& store_;
  PaymentWorkers& workers_;
  const PayInvoicesOptions options_;
  std::atomic<int> waiting_ = 0;
  std::atomic<bool> waiting_ends_ = false;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_PAY_INVOICES_H_
