// The time of day as leases and back-off use it: it must mean the same to all processes on one
// database. An interface so that tests can stand still, jump ahead or step back.

#ifndef COMMON_BASE_CLOCK_H_
#define COMMON_BASE_CLOCK_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "common/base/fault_point.h"

namespace common {

class Clock {
 public:
  virtual ~Clock() = default;

  // Unix time in milliseconds. Thread-safe. May jump either way, as a machine's clock may.
  virtual std::int64_t now_ms() const = 0;
};

class SystemClock : public Clock {
 public:
  std::int64_t now_ms() const override {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count() +
           fault_clock_offset_ms();
  }
};

// "2026-11-24T09:30:00.123Z": RFC 3339, in UTC.
std::string to_rfc3339(std::int64_t unix_ms);

}  // namespace common

#endif  // COMMON_BASE_CLOCK_H_
