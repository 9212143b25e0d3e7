// Points at which tests let a process die as if killed there (docs/exactly-once.md). They are
// compiled in with FAULT_INJECTION alone; without it, they are nothing.
//
// The environment says when: FAULT_POINT names the point and FAULT_HIT the how manieth time that it
// is reached, from 1. FAULT_CLOCK_FILE names a file whose text is added to the time of day, in
// milliseconds; it may change at any time. Thread-safe.

#ifndef COMMON_FAULT_POINT_H_
#define COMMON_FAULT_POINT_H_

#include <array>
#include <cstdint>
#include <string_view>

namespace common {

inline constexpr std::array<std::string_view, 8> kFaultPoints = {
    "before-migration",  // the database is open; its schema may be an older one, or none
    "before-commit",     // everything is written but the commit
    "after-commit",      // durable, and nobody knows
    "before-call",       // invoice-app: claimed, nothing sent
    "after-call",        // invoice-app: the provider's answer is read, nothing settled
    "after-request",     // a request is read, nothing done
    "before-answer",     // the answer to a request is made, nothing of it sent
    "after-answer",      // the answer to a request is sent
};

#ifdef FAULT_INJECTION
void fault_point(std::string_view name);
std::int64_t fault_clock_offset_ms();
#else
constexpr void fault_point(std::string_view /*name*/) {}
constexpr std::int64_t fault_clock_offset_ms() { return 0; }
#endif

}  // namespace common

#endif  // COMMON_FAULT_POINT_H_
