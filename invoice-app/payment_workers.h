// Pays what is due, in the background: claims invoices under a lease, sends them to the provider
// over several connections at once, and writes down in batches what came of it. Every replica runs
// these on the same store, so a payment that one of them began and did not end is ended by another.
//
// One thread keeps the books (claims and settles, so the store sees few and large transactions),
// and `concurrency` threads make the calls. No transaction is ever open during a call.
//
// Thread-safe.

#ifndef INVOICE_APP_PAYMENT_WORKERS_H_
#define INVOICE_APP_PAYMENT_WORKERS_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "invoice-app/circuit_breaker.h"
#include "invoice-app/invoice_store.h"
#include "invoice-app/pay_metrics.h"
#include "invoice-app/payment_gateway.h"
#include "invoice-app/retry_budget.h"

namespace invoice_app {

struct PaymentWorkersOptions {
  std::string owner;              // of the leases; unique to this process
  std::size_t concurrency = 128;  // calls at one time; a thread and a connection each

  // A claim that is not settled by then may be taken over. Longer than a call may take, short
  // enough that what a killed process held is not left lying for long.
  std::int64_t lease_ms = 10'000;
  // No call is begun when its lease has less left than the longest that a call takes.
  std::int64_t longest_call_ms = 6'000;

  std::size_t max_claim = 256;   // invoices in one claim
  std::size_t max_settle = 256;  // settlements that are gathered for one transaction
  // Settlements wait for others for at most this, unless nothing else is under way.
  std::chrono::milliseconds gather{25};

  // How often to look for what other processes have requested or left behind, and, while retries
  // of our own are put off, for those.
  std::chrono::milliseconds look_interval{1'000};
  std::chrono::milliseconds retry_look_interval{25};

  // An attempt with an unknown outcome is repeated after a random time up to
  // first_retry_ms * 2^(attempt - 1), at most longest_retry_ms ("full jitter"), on top of what the
  // retry budget makes it wait; together less than lease_ms, by which the store tells retries that
  // were put off before the clock was set back.
  std::int64_t first_retry_ms = 50;
  std::int64_t longest_retry_ms = 2'000;
};

class PaymentWorkers {
 public:
  // The references must outlive the workers, which run from here on. Throws std::system_error when
  // there can't be as many threads.
  PaymentWorkers(InvoiceStore& store, PaymentGatewayFactory make_gateway,
                 const common::Clock& clock, PayMetrics& metrics, PaymentWorkersOptions options);
  ~PaymentWorkers();

  PaymentWorkers(const PaymentWorkers&) = delete;
  PaymentWorkers& operator=(const PaymentWorkers&) = delete;

  // Looks for work now. What is claimed from here on carries this request id in logs and calls.
  void wake(const std::string& request_id);

  // Counts the transactions that settled something. Grows after the commit.
  std::int64_t settlements() const;
  // Returns when settlements() is over `seen`, or after `timeout`.
  void wait_for_settlement(std::int64_t seen, std::chrono::milliseconds timeout);

  const CircuitBreaker& breaker() const { return breaker_; }

  // Ends the calls under way, settles them, and gives back what was claimed and not sent.
  void stop();

 private:
  struct Item {
    Claim claim;
    std::int64_t lease_until_ms;
    std::string request_id;
  };

  using SteadyTime = std::chrono::steady_clock::time_point;

  // The bookkeeper's. Those marked (locked) are called with mutex_ held.
  void keep_books();
  bool must_settle() const;                           // (locked)
  std::size_t claimable() const;                      // (locked) how many to claim now, 0 for none
  std::chrono::milliseconds until_next_look() const;  // (locked)
  void claim(std::size_t limit);
  void settle(const std::vector<Settlement>& settlements);

  // The callers'.
  void make_calls();
  std::optional<Item> next_item();
  Settlement pay(PaymentGateway& gateway, const Item& item);
  PaymentAnswer call(PaymentGateway& gateway, const Claim& claim);
  void finish(Settlement settlement);
  std::size_t calls_under_way() const;
  Settlement give_back(const Claim& claim) const;
  Settlement retry_later(const Claim& claim);

  bool is_idle() const { return queue_.empty() && in_flight_ == 0; }  // (locked)

  InvoiceStore& store_;
  const PaymentGatewayFactory make_gateway_;
  const common::Clock& clock_;
  PayMetrics& metrics_;
  const PaymentWorkersOptions options_;

  CircuitBreaker breaker_;    // thread-safe
  RetryBudget retry_budget_;  // thread-safe

  mutable std::mutex mutex_;
  std::condition_variable books_;    // for the bookkeeper
  std::condition_variable items_;    // for the callers
  std::condition_variable settled_;  // for those who wait for settlements
  // Guarded by mutex_:
  std::deque<Item> queue_;  // claimed, not sent
  std::size_t in_flight_ = 0;
  std::vector<Settlement> unsettled_;
  SteadyTime settle_at_{};  // when unsettled_ isn't empty: no later than this
  std::int64_t settlement_count_ = 0;
  bool look_now_ = true;  // a claim may find something
  SteadyTime last_look_{};
  std::int64_t last_retry_ms_ = 0;  // until then, look often
  std::size_t claim_limit_;
  std::string request_id_;
  bool stopping_ = false;
  bool calls_ended_ = false;

  std::vector<std::thread> callers_;
  std::thread bookkeeper_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_PAYMENT_WORKERS_H_
