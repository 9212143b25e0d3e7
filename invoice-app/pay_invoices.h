// The use case behind POST /invoices/pay: makes all unpaid invoices due and waits, for a limited
// time, until they are paid or refused. The workers pay them (payment_workers.h). The request is
// durable, so the workers continue if the caller disconnects.
//
// One thread serves all callers, so a caller that waits costs no thread. Callers that arrive while
// this thread uses the store share its next request_payment(). Thread-safe.

#ifndef INVOICE_APP_PAY_INVOICES_H_
#define INVOICE_APP_PAY_INVOICES_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/outcome.h"
#include "common/log/request_context.h"
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
};

class PayInvoices {
 public:
  using OnReport = common::OnOutcome<PayReport>;

  // Starts the thread. The references must outlive this.
  PayInvoices(InvoiceStore& store, PaymentWorkers& workers, PayInvoicesOptions options = {});
  ~PayInvoices();  // reports to all callers first

  PayInvoices(const PayInvoices&) = delete;
  PayInvoices& operator=(const PayInvoices&) = delete;

  // Returns at once. The thread calls `on_report` when the invoices are paid or refused, when the
  // breaker opens, or after the longest wait. If the store fails, the outcome throws
  // common::Unavailable.
  void pay_all(OnReport on_report);

  // Present and later callers get their report without waiting. For a stop.
  void stop_waiting();

 private:
  struct Caller {
    OnReport on_report;
    common::RequestContext context;
  };
  // Callers that share one request_payment().
  struct Group {
    std::vector<Caller> callers;
    PayRun run;
    std::chrono::steady_clock::time_point deadline;
    std::int64_t breaker_opened_before;
  };

  void serve_callers();
  void request_payment(std::vector<Caller> callers);
  void report_what_ended(bool waiting_ends);
  // Whether the group must not wait longer: its deadline has passed, or the breaker has opened.
  bool is_over(const Group& group) const;
  void report(const Group& group);
  static void fail(const std::vector<Caller>& callers, const common::Outcome<PayReport>& failure);

  InvoiceStore& store_;
  PaymentWorkers& workers_;
  const PayInvoicesOptions options_;

  common::Mutex mutex_;
  common::CondVar changed_;
  bool has_changed_ GUARDED_BY(mutex_) = false;
  std::vector<Caller> new_callers_ GUARDED_BY(mutex_);
  bool waiting_ends_ GUARDED_BY(mutex_) = false;
  bool ends_ GUARDED_BY(mutex_) = false;

  std::vector<Group> groups_;  // callers that wait; only the thread uses it
  std::thread thread_;         // last: it uses all of the above
};

}  // namespace invoice_app

#endif  // INVOICE_APP_PAY_INVOICES_H_
