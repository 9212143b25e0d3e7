// How databases store wall-clock time: as an integer, milliseconds since 1970 in UTC.

#ifndef COMMON_STORAGE_UNIX_TIME_H_
#define COMMON_STORAGE_UNIX_TIME_H_

#include <chrono>
#include <cstdint>

#include "common/base/clock.h"

namespace common {

inline std::int64_t to_unix_ms(WallTime time) { return time.time_since_epoch().count(); }
inline WallTime from_unix_ms(std::int64_t unix_ms) {
  return WallTime(std::chrono::milliseconds(unix_ms));
}

}  // namespace common

#endif  // COMMON_STORAGE_UNIX_TIME_H_
