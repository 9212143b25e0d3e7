// The delay until the next attempt after an unknown outcome. It is the sum of two parts:
//
// - Backoff with full jitter: a random time up to a limit that doubles with every attempt. Source:
//   https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
// - The wait for the retry budget. Retries stay a small part of all calls, however many calls fail,
//   so that they do not overload a provider that fails. The budget is a token bucket: calls and
//   time add tokens; each retry uses one. If none is left, the retry waits for a future token.
//
// Thread-safe. The time is a parameter, so that tests need not wait.

#ifndef INVOICE_APP_RETRY_POLICY_H_
#define INVOICE_APP_RETRY_POLICY_H_

#include <chrono>
#include <cstdint>
#include <random>

#include "common/base/mutex.h"

namespace invoice_app {

struct RetryPolicyOptions {
  std::chrono::milliseconds first_backoff{50};  // the limit after the first attempt
  std::chrono::milliseconds longest_backoff{2'000};

  double retries_per_call = 0.2;
  double retries_per_second = 20;  // added per second, also without calls
  double max_saved_retries = 50;   // limit of the budget, and its value at the start
  // The longest wait for the budget. After it, a retry is made even over the budget, so every
  // payment is eventually sent.
  std::chrono::milliseconds longest_budget_wait{5'000};

  constexpr std::chrono::milliseconds longest_delay() const {
    return longest_backoff + longest_budget_wait;
  }
};

class RetryPolicy {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  explicit RetryPolicy(RetryPolicyOptions options = {})
      : options_(options), tokens_(options.max_saved_retries) {}

  // Every call adds to the budget.
  void on_call();

  // The delay after attempt `attempt` (from 1). Uses one token.
  std::chrono::milliseconds next_delay(std::int64_t attempt, SteadyTime now);

 private:
  std::chrono::milliseconds backoff(std::int64_t attempt) REQUIRES(mutex_);
  std::chrono::milliseconds budget_wait(SteadyTime now) REQUIRES(mutex_);
  void add(double tokens) REQUIRES(mutex_);

  const RetryPolicyOptions options_;

  common::Mutex mutex_;
  double tokens_ GUARDED_BY(mutex_);         // negative: tokens owed by waiting retries
  SteadyTime seen_at_ GUARDED_BY(mutex_){};  // last time at which tokens were added
  std::minstd_rand random_ GUARDED_BY(mutex_){std::random_device{}()};
};

}  // namespace invoice_app

#endif  // INVOICE_APP_RETRY_POLICY_H_
