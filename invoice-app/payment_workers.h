// Pays due invoices in the background: claims them under a lease, sends them to the provider, and
// settles the results. Every replica runs these workers on the same store, so another replica
// finishes the payments of a process that died.
//
// One thread, the bookkeeper, makes all changes of the store: one commit settles the payments that
// have ended, requests payment and claims the next invoices. A few threads make the calls, each
// with many payments (batch_size.h). More threads start when payments have to go one by one, and
// stay until the stop. No transaction is open during a call.
//
// Thread-safe.

#ifndef INVOICE_APP_PAYMENT_WORKERS_H_
#define INVOICE_APP_PAYMENT_WORKERS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/base/outcome.h"
#include "common/log/request_context.h"
#include "invoice-app/invoice_store.h"
#include "invoice-app/pay_metrics.h"
#include "invoice-app/payment_caller.h"
#include "invoice-app/payment_gateway.h"

namespace invoice_app {

inline constexpr std::chrono::milliseconds kDefaultLease{10'000};
static_assert(PaymentCallerOptions{}.fit_into(kDefaultLease));

struct PaymentWorkersOptions {
  std::string owner;  // of the leases; unique to this process

  // Calls in flight, each with a thread and a connection. Two batches keep both services busy:
  // while the provider decides one, this process writes the other.
  std::size_t batch_calls = 2;
  // While payments are sent one by one: concurrent payments share a commit of the provider.
  std::size_t single_calls = 128;

  // Short, so that another process soon pays the invoices of a process that died. `caller` must fit
  // into it (fit_into()).
  std::chrono::milliseconds lease = kDefaultLease;
  PaymentCallerOptions caller = {};

  // How long the settlement of a single payment waits for others, to share their commit, and how
  // many end the wait. It does not wait if no call is in flight.
  std::chrono::milliseconds gather{25};
  std::size_t max_gathered = 256;

  // Interval of looking for due invoices, and the shorter interval while own retries wait.
  std::chrono::milliseconds look_interval{1'000};
  std::chrono::milliseconds retry_look_interval{25};
};

class PaymentWorkers {
 public:
  // Starts the threads. The references must outlive the workers. Throws std::invalid_argument if
  // the options contradict each other, std::system_error if a thread cannot be started.
  PaymentWorkers(InvoiceStore& store, PaymentGatewayFactory make_gateway,
                 const common::Clock& clock, PayMetrics& metrics, PaymentWorkersOptions options);
  ~PaymentWorkers();

  PaymentWorkers(const PaymentWorkers&) = delete;
  PaymentWorkers& operator=(const PaymentWorkers&) = delete;

  // Makes all unpaid invoices due, and claims the first ones in the same commit. Ends the pause of
  // an open breaker. Blocks until the commit; concurrent callers share one. Throws
  // common::Unavailable if the store fails or the workers are stopped.
  //
  // `requests` ask for it, at least one. Calls that follow carry the id of the last one. If they
  // are for one request alone, they continue its trace. Otherwise they have a trace of their own,
  // and the log names it for each request. Calls that no request of this process caused, and later
  // retries, also have their own.
  PayRun request_payment(const std::vector<common::RequestContext>& requests);

  // The same for the invoices with these ids; at least one.
  void request_payment_of(std::vector<std::string> ids,
                          const std::vector<common::RequestContext>& requests);

  // Number of committed settlement transactions.
  std::int64_t settlements() const;
  // Called by the bookkeeper after each of them that leaves it nothing to do: must not block. An
  // empty function ends that. When this returns, the listener before is not running.
  void set_settlement_listener(std::function<void()> listener);

  const CircuitBreaker& breaker() const { return caller_.breaker(); }

  // Waits for the calls in flight, settles them, and releases the claims that were not sent.
  void stop();

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;

  struct Item {
    Claim claim;
    common::WallTime lease_until;
  };
  // The invoices of one call.
  struct Batch {
    std::vector<Claim> claims;
    common::WallTime lease_until;
    common::RequestContext context;
  };
  using OnRun = common::OnOutcome<PayRun>;
  struct Request {
    std::vector<std::string> ids;  // empty: all invoices
    OnRun on_run;
  };
  // What the next commit contains.
  struct Books {
    std::vector<Settlement> settlements;
    std::vector<Request> requests;
    std::size_t claim_limit;  // 0: claim nothing
    bool is_background;       // the claims are not for a request of this process

    bool is_empty() const { return settlements.empty() && requests.empty() && claim_limit == 0; }
    const char* name() const;
  };

  PayRun request(std::vector<std::string> ids, const std::vector<common::RequestContext>& requests);
  // For the calls that follow a request for payment.
  void set_context(const std::vector<common::RequestContext>& requests) REQUIRES(mutex_);
  // Whether no more calls are expected for the requests before.
  bool has_sent_claims() const REQUIRES(mutex_) { return queue_.empty() && !look_now_; }

  // On the bookkeeper's thread.
  void keep_books();
  Books take_books() REQUIRES(mutex_);
  bool must_settle() const REQUIRES(mutex_);
  // When to look for due invoices; may be in the past.
  SteadyTime next_look() const REQUIRES(mutex_);
  // How many invoices to claim now; 0 for no claim.
  std::size_t claimable() const REQUIRES(mutex_);
  // When to check again without a notification.
  SteadyTime next_change() const REQUIRES(mutex_);
  void write(const Books& books);
  static PayRun request_payment(InvoiceTransaction& changes, std::span<const Request> requests);
  void fail(const Books& books, const std::exception& error);
  void queue_claims(std::vector<Claim> claims, const Books& books, const PayRun& run,
                    common::WallTime lease_until);
  bool has_nothing_to_do() const;
  void remember_retries(std::span<const Settlement> settlements) REQUIRES(mutex_);
  void start_call_threads(std::size_t count) REQUIRES(mutex_);

  // On the threads that make the calls.
  void make_calls();
  // Hands in the settlements of the previous batch. Returns nullopt at the stop.
  std::optional<Batch> next_batch(std::vector<Settlement> settlements);
  bool can_call() const REQUIRES(mutex_);
  Batch take_batch() REQUIRES(mutex_);

  bool is_idle() const REQUIRES(mutex_) { return queue_.empty() && in_flight_ == 0; }

  InvoiceStore& store_;
  const PaymentGatewayFactory make_gateway_;
  const common::Clock& clock_;
  PayMetrics& metrics_;
  const PaymentWorkersOptions options_;
  PaymentCaller caller_;

  mutable common::Mutex mutex_;
  common::CondVar books_;                         // wakes the bookkeeper
  common::CondVar items_;                         // wakes a thread that makes calls
  std::deque<Item> queue_ GUARDED_BY(mutex_);     // claimed, not sent
  std::size_t in_flight_ GUARDED_BY(mutex_) = 0;  // calls
  std::vector<Settlement> unsettled_ GUARDED_BY(mutex_);
  SteadyTime settle_at_ GUARDED_BY(mutex_);  // latest time to settle, if unsettled_ is not empty
  std::vector<Request> requests_ GUARDED_BY(mutex_);
  std::int64_t settlement_count_ GUARDED_BY(mutex_) = 0;
  bool look_now_ GUARDED_BY(mutex_) = true;  // look for due invoices at once
  SteadyTime last_look_ GUARDED_BY(mutex_);
  common::WallTime last_retry_ GUARDED_BY(mutex_);     // look often until then
  common::RequestContext context_ GUARDED_BY(mutex_);  // of the calls that follow
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool calls_ended_ GUARDED_BY(mutex_) = false;
  bool books_closed_ GUARDED_BY(mutex_) = false;

  common::Mutex listener_mutex_;
  std::function<void()> settlement_listener_ GUARDED_BY(listener_mutex_);

  // Grows under mutex_ until stopping_.
  std::vector<std::thread> call_threads_;
  std::thread bookkeeper_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_PAYMENT_WORKERS_H_
