// Points at which the crash suite kills a process (docs/exactly-once.md). Compiled in with
// FAULT_INJECTION only; otherwise the calls are empty.
//
// Variables of the environment:
//   FAULT_POINT       name of the point at which the process dies
//   FAULT_HIT         the process dies on the n-th pass; from 1
//   FAULT_POINTS      all known names, one per line. The process aborts at an unknown point,
//                     because no trial covers it.
//   FAULT_CLOCK_FILE  file with milliseconds to add to the wall-clock time; may change at any time
// and those of fault_option().
// Thread-safe.

#ifndef COMMON_BASE_FAULT_POINT_H_
#define COMMON_BASE_FAULT_POINT_H_

#include <cstdint>
#include <functional>
#include <string_view>

namespace common {

#ifdef FAULT_INJECTION
// The point's name is `moment`, a space and `subject`, or `moment` alone. A process that dies here
// calls `before_death` first.
void fault_point(std::string_view moment, std::string_view subject = {},
                 const std::function<void()>& before_death = {});
std::int64_t fault_clock_offset_ms();
// The value of the variable; `otherwise` if it is not set. For limits that no trial would reach.
std::int64_t fault_option(const char* variable, std::int64_t otherwise);
#else
constexpr void fault_point(const auto&... /*ignored*/) {}
constexpr std::int64_t fault_clock_offset_ms() { return 0; }
constexpr std::int64_t fault_option(const char* /*ignored*/, std::int64_t otherwise) {
  return otherwise;
}
#endif

}  // namespace common

#endif  // COMMON_BASE_FAULT_POINT_H_
