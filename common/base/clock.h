// Wall-clock time, for times stored in a database: leases, retries, payments. All processes on one
// database use this clock. Durations within one process are measured with
// std::chrono::steady_clock; the compiler rejects a mix-up of the two.

#ifndef COMMON_BASE_CLOCK_H_
#define COMMON_BASE_CLOCK_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/fault_point.h"

namespace common {

// UTC in milliseconds since 1970. May jump in both directions when a machine's clock is set.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

// An interface, so that tests can stop the time or move it. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime now() const = 0;
};

class SystemClock : public Clock {
 public:
  WallTime now() const override {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()) +
           std::chrono::milliseconds(fault_clock_offset_ms());
  }
};

// "2026-11-24T09:30:00.123Z" (RFC 3339, UTC). For the years 0 to 9999, as RFC 3339 itself.
std::string to_rfc3339(WallTime time);

// Reads exactly this form; nullopt if the text has another one, or is no time.
std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace common

#endif  // COMMON_BASE_CLOCK_H_
