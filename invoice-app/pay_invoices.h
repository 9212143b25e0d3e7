// The use cases behind POST /invoices/pay and /invoices/{id}/pay: make all unpaid invoices due, or
// one, and wait, for a limited time, until they are paid or refused. The workers pay them
// (payment_workers.h). The request is durable, so the workers continue if the caller disconnects.
//
// One thread serves all callers, so a caller that waits costs no thread. Callers that arrive while
// this thread uses the store share its next request. Thread-safe.

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

struct InvoiceReport {
  std::optional<InvoiceDetails> invoice;  // as it is now; nullopt if there is none with this id
  // The provider's failure, if that ended the wait early.
  std::optional<std::string> provider_unavailable = {};
};

struct PayInvoicesOptions {
  std::chrono::milliseconds longest_wait{25'000};
};

class PayInvoices {
 public:
  using OnReport = common::OnOutcome<PayReport>;
  using OnInvoiceReport = common::OnOutcome<InvoiceReport>;

  // Starts the thread. The references must outlive this.
  PayInvoices(InvoiceStore& store, PaymentWorkers& workers, PayInvoicesOptions options = {});
  ~PayInvoices();  // reports to all callers first

  PayInvoices(const PayInvoices&) = delete;
  PayInvoices& operator=(const PayInvoices&) = delete;

  // Returns at once. The thread calls `on_report` when the invoices are paid or refused, when the
  // breaker opens, or after the longest wait. If the store fails, the outcome throws
  // common::Unavailable.
  void pay_all(OnReport on_report);

  // The same for the invoice with this id.
  void pay_one(std::string id, OnInvoiceReport on_report);

  // Present and later callers get their report without waiting. For a stop.
  void stop_waiting();

 private:
  // What limits the wait of a caller.
  struct Wait {
    std::chrono::steady_clock::time_point deadline;
    std::int64_t breaker_opened_before;
  };
  struct Caller {
    OnReport on_report;
    common::RequestContext context;
  };
  // Callers that share one request_payment().
  struct Group {
    std::vector<Caller> callers;
    PayRun run;
    Wait wait;
  };
  struct CallerOfOne {
    OnInvoiceReport on_report;
    common::RequestContext context;
    std::string id;
    Wait wait = {};  // of the request
  };

  void serve_callers();
  void request_payment(std::vector<Caller> callers, std::vector<CallerOfOne> callers_of_one);
  void report_what_ended(bool waiting_ends);
  void report_invoices_that_ended(bool waiting_ends);
  bool has_opened(const Wait& wait) const;  // the breaker
  // Whether a caller must not wait longer: its deadline has passed, or the breaker has opened.
  bool is_over(const Wait& wait) const;
  void report(const Group& group);
  void report(const CallerOfOne& caller, bool is_pending);

  InvoiceStore& store_;
  PaymentWorkers& workers_;
  const PayInvoicesOptions options_;

  common::Mutex mutex_;
  common::CondVar changed_;
  bool has_changed_ GUARDED_BY(mutex_) = false;
  std::vector<Caller> new_callers_ GUARDED_BY(mutex_);
  std::vector<CallerOfOne> new_callers_of_one_ GUARDED_BY(mutex_);
  bool waiting_ends_ GUARDED_BY(mutex_) = false;
  bool ends_ GUARDED_BY(mutex_) = false;

  // Callers that wait. Only the thread uses them.
  std::vector<Group> groups_;
  std::vector<CallerOfOne> callers_of_one_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace invoice_app

#endif  // INVOICE_APP_PAY_INVOICES_H_
