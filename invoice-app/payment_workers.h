// Pays due invoices in the background: claims them under a lease, sends them to the provider over
// many connections, and settles the results in batches. Every replica runs these workers on the
// same store, so another replica finishes the payments of a process that died.
//
// One thread, the bookkeeper, claims and settles, so that the store sees few and large
// transactions; `concurrency` threads make the calls. No transaction is open during a call.
//
// Thread-safe.

#ifndef INVOICE_APP_PAYMENT_WORKERS_H_
#define INVOICE_APP_PAYMENT_WORKERS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "invoice-app/invoice_store.h"
#include "invoice-app/pay_metrics.h"
#include "invoice-app/payment_caller.h"
#include "invoice-app/payment_gateway.h"

namespace invoice_app {

inline constexpr std::chrono::milliseconds kDefaultLease{10'000};
static_assert(PaymentCallerOptions{}.fit_into(kDefaultLease));

struct PaymentWorkersOptions {
  std::string owner;              // of the leases; unique to this process
  std::size_t concurrency = 128;  // calls in flight; each has a thread and a connection

  // Short, so that another process soon pays the invoices of a process that died. `caller` must fit
  // into it (fit_into()).
  std::chrono::milliseconds lease = kDefaultLease;
  PaymentCallerOptions caller = {};

  std::size_t max_claim = 256;   // invoices in one claim
  std::size_t max_settle = 256;  // settlements in one transaction
  // How long a settlement waits for more, to share a transaction. It does not wait if no call is in
  // flight.
  std::chrono::milliseconds gather{25};

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

  // Looks for due invoices now. If the breaker is open, ends its pause. Invoices claimed after this
  // call carry `request_id` in logs and calls.
  void wake(const std::string& request_id);

  // Number of committed settlement transactions.
  std::int64_t settlements() const;
  // Called after each of them, by the bookkeeper: must not block. An empty function ends that. When
  // this returns, the listener before is not running.
  void set_settlement_listener(std::function<void()> listener);

  const CircuitBreaker& breaker() const { return caller_.breaker(); }

  // Waits for the calls in flight, settles them, and releases the claims that were not sent.
  void stop();

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;

  struct Item {
    Claim claim;
    common::WallTime lease_until;
    std::string request_id;
  };

  // On the bookkeeper's thread.
  void keep_books();
  bool must_settle() const REQUIRES(mutex_);
  // When to look for due invoices; may be in the past.
  SteadyTime next_look() const REQUIRES(mutex_);
  // How many invoices to claim now; 0 for no claim.
  std::size_t claimable() const REQUIRES(mutex_);
  // When to check again without a notification.
  SteadyTime next_change() const REQUIRES(mutex_);
  void claim(std::size_t limit);
  void settle(const std::vector<Settlement>& settlements);

  // On the threads that make the calls.
  void make_calls();
  std::optional<Item> next_item();
  void finish(Settlement settlement);

  bool is_idle() const REQUIRES(mutex_) { return queue_.empty() && in_flight_ == 0; }

  InvoiceStore& store_;
  const PaymentGatewayFactory make_gateway_;
  const common::Clock& clock_;
  const PaymentWorkersOptions options_;
  PaymentCaller caller_;

  mutable common::Mutex mutex_;
  common::CondVar books_;                      // wakes the bookkeeper
  common::CondVar items_;                      // wakes the threads that make the calls
  std::deque<Item> queue_ GUARDED_BY(mutex_);  // claimed, not sent
  std::size_t in_flight_ GUARDED_BY(mutex_) = 0;
  std::vector<Settlement> unsettled_ GUARDED_BY(mutex_);
  SteadyTime settle_at_ GUARDED_BY(mutex_);  // latest time to settle, if unsettled_ is not empty
  std::int64_t settlement_count_ GUARDED_BY(mutex_) = 0;
  bool look_now_ GUARDED_BY(mutex_) = true;  // look for due invoices at once
  SteadyTime last_look_ GUARDED_BY(mutex_);
  common::WallTime last_retry_ GUARDED_BY(mutex_);  // look often until then
  std::size_t claim_limit_ GUARDED_BY(mutex_);
  std::string request_id_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool calls_ended_ GUARDED_BY(mutex_) = false;

  common::Mutex listener_mutex_;
  std::function<void()> settlement_listener_ GUARDED_BY(listener_mutex_);

  std::vector<std::thread> call_threads_;
  std::thread bookkeeper_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_PAYMENT_WORKERS_H_
