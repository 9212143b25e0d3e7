// The use case behind POST /invoices/pay with a stream of events: make all unpaid invoices due, and
// report the progress until each is paid or refused, however long that takes. The workers pay them
// (payment_workers.h). They continue if the caller stops watching.
//
// One thread serves all callers. It counts for one run at a time, and all callers whose runs end at
// the same invoice share the count. Counts take at most a tenth of the time, because on SQLite no
// process can commit during one. So reports become rarer if counts take long. After each count, all
// callers get a report, so that none is silent while others are counted. Thread-safe.

#ifndef INVOICE_APP_PAY_AND_WATCH_H_
#define INVOICE_APP_PAY_AND_WATCH_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/outcome.h"
#include "common/log/request_context.h"
#include "invoice-app/invoice_store.h"
#include "invoice-app/pay_invoices.h"
#include "invoice-app/payment_workers.h"

namespace invoice_app {

// The counts of a run now. While the provider is unavailable, `provider_unavailable` has its
// failure.
struct WatchReport : PayReport {
  enum class State {
    kRunning,
    kSettled,   // the end: no invoice is pending
    kStopping,  // the end: this process stops. Pending invoices are paid in the background
  };
  State state = State::kRunning;
  std::int64_t rate = 0;  // invoices paid or refused per second, over the last kRateWindow
};

struct PayAndWatchOptions {
  std::chrono::milliseconds interval{250};  // of reports
};

class PayAndWatch {
 public:
  struct Run;  // what one caller watches
  using OnRun = common::OnOutcome<std::shared_ptr<Run>>;
  // Returns true if it is done. Must not block or throw.
  using OnReport = std::function<bool(const WatchReport&)>;

  static constexpr std::chrono::milliseconds kRateWindow{2'000};

  // Starts the thread. The references must outlive this.
  PayAndWatch(InvoiceStore& store, PaymentWorkers& workers, PayAndWatchOptions options = {});
  ~PayAndWatch();  // ends all runs first

  PayAndWatch(const PayAndWatch&) = delete;
  PayAndWatch& operator=(const PayAndWatch&) = delete;

  // Returns at once. The thread calls `on_run` when the request is durable. If the store fails, the
  // outcome throws common::Unavailable.
  void pay_all(OnRun on_run);

  // Calls `on_report` until it returns true or the report is an end: for a new run at once, with
  // the counts of the request, and then in the thread, at intervals. Until then the same run must
  // not be watched again. While the store fails, the counts stay as they are. Does not block.
  void watch(std::shared_ptr<Run> run, OnReport on_report);

  // Present and later runs end at once, with kStopping.
  void stop_watching();

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;

  struct Caller {
    OnRun on_run;
    common::RequestContext context;
  };
  struct Watcher {
    std::shared_ptr<Run> run;
    OnReport on_report;
    SteadyTime next_count;
  };

  void serve_callers();
  void request_payment(const std::vector<Caller>& callers);
  // When to count for the first watcher; there must be one.
  SteadyTime next_count() const REQUIRES(mutex_);
  // All of them, when it is time to count or if this stops; else none.
  std::vector<Watcher> take_watchers() REQUIRES(mutex_);
  // Counts for the first one and those that can share its count, and moves these to the end.
  void count_for_first(std::vector<Watcher>& watchers);
  // Removes those that are done.
  static void report_to(std::vector<Watcher>& watchers, bool is_stopping);

  InvoiceStore& store_;
  PaymentWorkers& workers_;
  const PayAndWatchOptions options_;

  common::Mutex mutex_;
  common::CondVar changed_;
  std::vector<Caller> callers_ GUARDED_BY(mutex_);
  std::vector<Watcher> watchers_ GUARDED_BY(mutex_);  // the longest without a count is first
  SteadyTime pause_until_ GUARDED_BY(mutex_);         // no count before this time
  bool is_stopping_ GUARDED_BY(mutex_) = false;
  bool ends_ GUARDED_BY(mutex_) = false;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace invoice_app

#endif  // INVOICE_APP_PAY_AND_WATCH_H_
