// Points at which tests let a process die as if killed there (docs/exactly-once.md). They are
// compiled in with FAULT_INJECTION alone; without it, they are nothing.
//
// The environment says when: FAULT_POINT names the point and FAULT_HIT at which of the times that
// it is reached, from 1. FAULT_CLOCK_FILE names a file whose text is added to the time of day, in
// milliseconds; it may change at any time. Thread-safe.

#ifndef COMMON_BASE_FAULT_POINT_H_
#define COMMON_BASE_FAULT_POINT_H_

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>

namespace common {

struct FaultPoint {
  enum class Where { kInvoiceApp, kProvider, kBoth };
  enum class When {
    kAtStart,    // once in every start on a fresh database
    kUnderLoad,  // again and again while clients call
    kAtStop,     // once after SIGTERM
  };
  std::string_view name;  // a moment, and what it is a moment of
  Where where;
  When when;
};

// All that there are: one that is not listed ends the process that reaches it.
inline constexpr auto kFaultPoints = [] {
  using enum FaultPoint::Where;
  using enum FaultPoint::When;
  return std::to_array<FaultPoint>({
      // The database is open; its schema may be an older one, or none.
      {"before-migration", kBoth, kAtStart},
      // Of each transaction: all is written but the commit; the file has it half, and a journal to
      // undo it; it is durable, and nobody knows.
      {"before-commit migrate", kBoth, kAtStart},
      {"in-commit migrate", kBoth, kAtStart},
      {"after-commit migrate", kBoth, kAtStart},
      {"before-commit check", kBoth, kAtStart},
      {"in-commit check", kBoth, kAtStart},
      {"after-commit check", kBoth, kAtStart},
      {"before-commit add", kInvoiceApp, kUnderLoad},
      {"in-commit add", kInvoiceApp, kUnderLoad},
      {"after-commit add", kInvoiceApp, kUnderLoad},
      {"before-commit request", kInvoiceApp, kUnderLoad},
      {"in-commit request", kInvoiceApp, kUnderLoad},
      {"after-commit request", kInvoiceApp, kUnderLoad},
      {"before-commit claim", kInvoiceApp, kUnderLoad},
      {"in-commit claim", kInvoiceApp, kUnderLoad},
      {"after-commit claim", kInvoiceApp, kUnderLoad},
      {"before-commit settle", kInvoiceApp, kUnderLoad},
      {"in-commit settle", kInvoiceApp, kUnderLoad},
      {"after-commit settle", kInvoiceApp, kUnderLoad},
      {"before-commit release", kInvoiceApp, kAtStop},
      {"in-commit release", kInvoiceApp, kAtStop},
      {"after-commit release", kInvoiceApp, kAtStop},
      {"before-commit record", kProvider, kUnderLoad},
      {"in-commit record", kProvider, kUnderLoad},
      {"after-commit record", kProvider, kUnderLoad},
      // Of each call to the provider: claimed, nothing sent; sent, and the answer is being read;
      // it is read, nothing settled.
      {"before-call", kInvoiceApp, kUnderLoad},
      {"in-call", kInvoiceApp, kUnderLoad},
      {"after-call", kInvoiceApp, kUnderLoad},
      // Of each request to a listener: it is read, nothing done; its answer is made, and nothing of
      // it sent; the answer is sent.
      {"after-request public", kBoth, kUnderLoad},
      {"before-answer public", kBoth, kUnderLoad},
      {"after-answer public", kBoth, kUnderLoad},
      {"after-request admin", kBoth, kAtStart},
      {"before-answer admin", kBoth, kAtStart},
      {"after-answer admin", kBoth, kAtStart},
  });
}();

#ifdef FAULT_INJECTION
// `moment` and `of_what`, if it is not empty, are a name of kFaultPoints. `last_deed` is done only
// by a process that dies here.
void fault_point(std::string_view moment, std::string_view of_what = {},
                 const std::function<void()>& last_deed = {});
std::int64_t fault_clock_offset_ms();
#else
constexpr void fault_point(const auto&... /*ignored*/) {}
constexpr std::int64_t fault_clock_offset_ms() { return 0; }
#endif

}  // namespace common

#endif  // COMMON_BASE_FAULT_POINT_H_
