#include "invoice-app/retry_policy.h"

#include <algorithm>

namespace invoice_app {

using std::chrono::milliseconds;
using Seconds = std::chrono::duration<double>;

void RetryPolicy::on_call() {
  common::MutexLock lock(mutex_);
  add(options_.retries_per_call);
}

milliseconds RetryPolicy::next_delay(std::int64_t attempt, SteadyTime now) {
  common::MutexLock lock(mutex_);
  return backoff(attempt) + budget_wait(now);
}

milliseconds RetryPolicy::backoff(std::int64_t attempt) {
  constexpr std::int64_t kMaxDoublings = 10;  // attempts are not limited, integers are
  const auto limit = std::min(options_.longest_backoff,
                              options_.first_backoff * (1 << std::min(attempt - 1, kMaxDoublings)));
  std::uniform_int_distribution<milliseconds::rep> up_to_limit(0, limit.count());
  return milliseconds(up_to_limit(random_));
}

milliseconds RetryPolicy::budget_wait(SteadyTime now) {
  const double per_second = options_.retries_per_second;
  add(per_second * Seconds(now - seen_at_).count());
  seen_at_ = now;
  tokens_ = std::max(tokens_ - 1, -per_second * Seconds(options_.longest_budget_wait).count());
  if (tokens_ >= 0) return milliseconds(0);
  return std::chrono::ceil<milliseconds>(Seconds(-tokens_ / per_second));
}

void RetryPolicy::add(double tokens) {
  tokens_ = std::min(tokens_ + tokens, options_.max_saved_retries);
}

}  // namespace invoice_app
