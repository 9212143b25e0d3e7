#include "invoice-app/circuit_breaker.h"

#include <algorithm>
#include <utility>

namespace invoice_app {

CircuitBreaker::State CircuitBreaker::state(std::int64_t now_ms) const {
  std::lock_guard lock(mutex_);
  if (!open_) return State::kClosed;
  return now_ms < open_until_ms_ ? State::kOpen : State::kHalfOpen;
}

std::int64_t CircuitBreaker::pause_left_ms(std::int64_t now_ms) const {
  std::lock_guard lock(mutex_);
  return open_ ? std::max<std::int64_t>(0, open_until_ms_ - now_ms) : 0;
}

bool CircuitBreaker::on_success() {
  std::lock_guard lock(mutex_);
  failures_in_a_row_ = 0;
  return std::exchange(open_, false);
}

bool CircuitBreaker::on_failure(std::int64_t now_ms, const std::string& reason,
                                std::size_t calls_under_way) {
  std::lock_guard lock(mutex_);
  last_failure_ = reason;
  ++failures_in_a_row_;
  if (open_) {
    // Calls that were under way when it opened say nothing new; a failed trial doubles the pause.
    if (now_ms < open_until_ms_) return false;
    pause_ms_ = std::min(2 * pause_ms_, options_.longest_pause_ms);
  } else {
    if (failures_in_a_row_ < std::max(options_.failures_to_open, calls_under_way)) return false;
    pause_ms_ = options_.first_pause_ms;
  }
  open_until_ms_ = now_ms + pause_ms_;
  ++times_opened_;
  return !std::exchange(open_, true);
}

void CircuitBreaker::try_again() {
  std::lock_guard lock(mutex_);
  open_until_ms_ = 0;
}

std::int64_t CircuitBreaker::times_opened() const {
  std::lock_guard lock(mutex_);
  return times_opened_;
}

std::string CircuitBreaker::last_failure() const {
  std::lock_guard lock(mutex_);
  return last_failure_;
}

}  // namespace invoice_app
