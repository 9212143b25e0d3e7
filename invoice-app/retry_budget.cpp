#include "invoice-app/retry_budget.h"

#include <algorithm>
#include <cmath>

namespace invoice_app {

void RetryBudget::add(double tokens) {
  tokens_ = std::min(tokens_ + tokens, options_.max_saved_tokens);
}

void RetryBudget::on_call() {
  std::lock_guard lock(mutex_);
  add(options_.share);
}

std::int64_t RetryBudget::take_retry(std::int64_t now_ms) {
  constexpr double kMsPerSecond = 1000;
  const double per_ms = options_.per_second / kMsPerSecond;
  std::lock_guard lock(mutex_);
  add(static_cast<double>(now_ms - seen_at_ms_) * per_ms);
  seen_at_ms_ = now_ms;
  tokens_ = std::max(tokens_ - 1, -per_ms * static_cast<double>(options_.longest_wait_ms));
  return tokens_ >= 0 ? 0 : static_cast<std::int64_t>(std::ceil(-tokens_ / per_ms));
}

}  // namespace invoice_app
