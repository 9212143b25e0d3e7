// A circuit breaker: after several failures in a row the provider is left alone for a while, then
// one call tries whether it is back. "Several" is no fewer than there are calls under way: when one
// of several replicas of the provider dies, all calls to that one fail in a row. Keeps a provider
// that is down from being hammered, and tells those who wait that waiting is no use now.
//
// Thread-safe. Time is given by the caller, in milliseconds of any clock that only goes forward.

#ifndef INVOICE_APP_CIRCUIT_BREAKER_H_
#define INVOICE_APP_CIRCUIT_BREAKER_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

namespace invoice_app {

struct CircuitBreakerOptions {
  std::size_t failures_to_open = 5;      // in a row, or as many as are under way if that is more
  std::int64_t first_pause_ms = 250;     // doubles with every failed trial
  std::int64_t longest_pause_ms = 2000;  // so a provider that is back is noticed within this
};

class CircuitBreaker {
 public:
  enum class State {
    kClosed,    // make calls
    kOpen,      // make none for now
    kHalfOpen,  // make one, and report how it ended
  };

  explicit CircuitBreaker(CircuitBreakerOptions options = {}) : options_(options) {}

  State state(std::int64_t now_ms) const;

  // How long it stays open from now on; 0 unless kOpen.
  std::int64_t pause_left_ms(std::int64_t now_ms) const;

  // Whether that closed or opened it, for whoever tells the operator. The call that failed is one
  // of `calls_under_way`.
  bool on_success();
  bool on_failure(std::int64_t now_ms, const std::string& reason, std::size_t calls_under_way);

  // Ends the pause, so that the next call is made at once: somebody asks for it.
  void try_again();

  // How often it has opened, failed trials included: whoever waits compares it with what it was at
  // the start.
  std::int64_t times_opened() const;

  // The reason of the last failure, for a person; "" when there was none.
  std::string last_failure() const;

 private:
  const CircuitBreakerOptions options_;

  mutable std::mutex mutex_;
  // Guarded by mutex_:
  bool open_ = false;  // open or half open
  std::size_t failures_in_a_row_ = 0;
  std::int64_t pause_ms_ = 0;
  std::int64_t open_until_ms_ = 0;
  std::int64_t times_opened_ = 0;
  std::string last_failure_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_CIRCUIT_BREAKER_H_
