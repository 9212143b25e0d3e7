// A circuit breaker: stops the calls to a provider that fails. It opens after several consecutive
// failures. While it is open no calls are made; after a pause, one trial call tests the provider.
//
// It opens only after at least as many failures as calls are in flight: if one of several replicas
// of the provider dies, all calls to that replica fail, but the other replicas still work.
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
  // Consecutive failures that open it; the number of calls in flight if that is more.
  std::size_t failures_to_open = 5;
  // The same for consecutive failures that took long. Few calls are in flight, and each that times
  // out keeps the callers of POST /invoices/pay waiting.
  std::size_t slow_failures_to_open = 2;
  std::chrono::milliseconds slow{1'000};
  std::chrono::milliseconds first_pause{250};     // doubles with every failed trial
  std::chrono::milliseconds longest_pause{2000};  // limit of the pause
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

  // Time until the next trial; 0 unless kOpen.
  std::chrono::steady_clock::duration pause_left(SteadyTime now) const;

  // A call begins. It ends with exactly one on_success(), on_failure() or on_no_verdict().
  void on_call();
  // Returns true if this call closed (opened) the breaker. For logging.
  bool on_success();
  bool on_failure(SteadyTime now, const std::string& reason,
                  std::chrono::steady_clock::duration call_duration = {});

  // The call ended in a way that does not show whether the provider works.
  void on_no_verdict();

  // Ends the pause: the next call is made at once.
  void try_again();

  // Number of openings, with failed trials.
  std::int64_t times_opened() const;

  // The reason of the last failed call; "" if none. For people.
  std::string last_failure() const;

 private:
  const CircuitBreakerOptions options_;

  mutable common::Mutex mutex_;
  bool is_open_ GUARDED_BY(mutex_) = false;  // open or half open
  std::size_t calls_in_flight_ GUARDED_BY(mutex_) = 0;
  std::size_t consecutive_failures_ GUARDED_BY(mutex_) = 0;
  std::size_t slow_failures_ GUARDED_BY(mutex_) = 0;  // consecutive ones, at the end of those
  std::chrono::milliseconds pause_ GUARDED_BY(mutex_){};
  SteadyTime open_until_ GUARDED_BY(mutex_){};
  std::int64_t times_opened_ GUARDED_BY(mutex_) = 0;
  std::string last_failure_ GUARDED_BY(mutex_);
};

}  // namespace invoice_app

#endif  // INVOICE_APP_CIRCUIT_BREAKER_H_
