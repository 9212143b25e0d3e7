// A clock that stands still until a test sets it, so that no lease expires by chance. Thread-safe.

#ifndef TESTS_SUPPORT_FAKE_CLOCK_H_
#define TESTS_SUPPORT_FAKE_CLOCK_H_

#include <atomic>
#include <chrono>

#include "common/base/clock.h"

namespace tests {

class FakeClock : public common::Clock {
 public:
  common::WallTime now() const override { return now_; }
  void set(common::WallTime now) { now_ = now; }
  void advance(std::chrono::milliseconds by) { now_ = now() + by; }

 private:
  // 2023-11-14T22:13:20.123Z
  std::atomic<common::WallTime> now_{
      common::WallTime(std::chrono::milliseconds(1'700'000'000'123))};
};

}  // namespace tests

#endif  // TESTS_SUPPORT_FAKE_CLOCK_H_
