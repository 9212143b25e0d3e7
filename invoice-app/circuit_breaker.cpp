#include "invoice-app/circuit_breaker.h"

#include <algorithm>
#include <utility>

namespace invoice_app {

using common::MutexLock;

CircuitBreaker::State CircuitBreaker::state(SteadyTime now) const {
  MutexLock lock(mutex_);
  if (!is_open_) return State::kClosed;
  return now < open_until_ ? State::kOpen : State::kHalfOpen;
}

std::chrono::steady_clock::duration CircuitBreaker::pause_left(SteadyTime now) const {
  MutexLock lock(mutex_);
  return is_open_ && now < open_until_ ? open_until_ - now : SteadyTime::duration::zero();
}

void CircuitBreaker::on_call() {
  MutexLock lock(mutex_);
  ++calls_in_flight_;
}

bool CircuitBreaker::on_success() {
  MutexLock lock(mutex_);
  --calls_in_flight_;
  consecutive_failures_ = slow_failures_ = 0;
  return std::exchange(is_open_, false);
}

bool CircuitBreaker::on_failure(SteadyTime now, const std::string& reason,
                                std::chrono::steady_clock::duration call_duration) {
  MutexLock lock(mutex_);
  const std::size_t in_flight = calls_in_flight_--;  // with this one
  last_failure_ = reason;
  ++consecutive_failures_;
  slow_failures_ = call_duration < options_.slow ? 0 : slow_failures_ + 1;
  if (is_open_) {
    // A call that was in flight when the breaker opened is no trial.
    if (now < open_until_) return false;
    pause_ = std::min(2 * pause_, options_.longest_pause);
  } else {
    if (consecutive_failures_ < std::max(options_.failures_to_open, in_flight) &&
        slow_failures_ < std::max(options_.slow_failures_to_open, in_flight)) {
      return false;
    }
    pause_ = options_.first_pause;
  }
  open_until_ = now + pause_;
  ++times_opened_;
  return !std::exchange(is_open_, true);
}

void CircuitBreaker::on_no_verdict() {
  MutexLock lock(mutex_);
  --calls_in_flight_;
}

void CircuitBreaker::try_again() {
  MutexLock lock(mutex_);
  open_until_ = {};
}

std::int64_t CircuitBreaker::times_opened() const {
  MutexLock lock(mutex_);
  return times_opened_;
}

std::string CircuitBreaker::last_failure() const {
  MutexLock lock(mutex_);
  return last_failure_;
}

}  // namespace invoice_app
