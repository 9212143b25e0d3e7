// A circuit breaker: stops the calls to a provider that fails. It opens after several failures in a
// row. While it is open no calls are made; after a pause, one trial call finds out whether the
// provider works again.
//
// It never opens after fewer failures than there are calls in flight: when one of several replicas
// of the provider dies, all calls to that replica fail in a row, but the other replicas still work.
//
// Thread-safe. The time is a parameter, so that tests need not wait.

#ifndef INVOICE_APP_CIRCUIT_BREAKER_H_
#define INVOICE_APP_CIRCUIT_BREAKER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/base/mutex.h"

namespace invoice_app {

struct CircuitBreakerOptions {
  std::size_t failures_to_open = 5;               // in a row, or the calls in flight if more
  std::chrono::milliseconds first_pause{250};     // doubles with every failed trial
  std::chrono::milliseconds longest_pause{2000};  // between two trials
};

class CircuitBreaker {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  enum class State {
    kClosed,    // make calls
    kOpen,      // make no calls
    kHalfOpen,  // make one call, the trial
  };

  explicit CircuitBreaker(CircuitBreakerOptions options = {}) : options_(options) {}

  State state(SteadyTime now) const;

  // How long it stays open; 0 unless kOpen.
  std::chrono::steady_clock::duration pause_left(SteadyTime now) const;

  // A call begins. It ends with exactly one on_success() or on_failure().
  void on_call();
  // Return whether this call closed or opened the breaker, so that it can be logged once.
  bool on_success();
  bool on_failure(SteadyTime now, const std::string& reason);

  // Ends the pause: the next call is made at once.
  void try_again();

  // How often it has opened, failed trials included.
  std::int64_t times_opened() const;

  // Why the last failed call failed, for a person; "" when none has failed.
  std::string last_failure() const;

 private:
  const CircuitBreakerOptions options_;

  mutable common::Mutex mutex_;
  bool is_open_ GUARDED_BY(mutex_) = false;  // open or half open
  std::size_t calls_in_flight_ GUARDED_BY(mutex_) = 0;
  std::size_t failures_in_a_row_ GUARDED_BY(mutex_) = 0;
  std::chrono::milliseconds pause_ GUARDED_BY(mutex_){};
  SteadyTime open_until_ GUARDED_BY(mutex_){};
  std::int64_t times_opened_ GUARDED_BY(mutex_) = 0;
  std::string last_failure_ GUARDED_BY(mutex_);
};

}  // namespace invoice_app

#endif  // INVOICE_APP_CIRCUIT_BREAKER_H_
