// The fault points of both services (tests/crash/fault_points.h).

#ifndef TESTS_CRASH_FAULT_POINTS_H_
#define TESTS_CRASH_FAULT_POINTS_H_

#include <array>
#include <string_view>

namespace tests {

struct FaultPoint {
  enum class Where { kInvoiceApp, kProvider, kBoth };
  enum class When {
    kAtStart,    // once in every start on a fresh database
    kUnderLoad,  // repeatedly while clients call
    kAtStop,     // once after SIGTERM
  };
  std::string_view name;  // as fault_point() composes it
  Where where;
  When when;
};

inline constexpr auto kFaultPoints = [] {
  using enum FaultPoint::Where;
  using enum FaultPoint::When;
  return std::to_array<FaultPoint>({
      // The database is open; its schema is old or empty.
      {"before-migration", kBoth, kAtStart},
      // For each transaction. Before: everything is written except the commit. In: the file has a
      // part of it, and a journal to undo that. After: it is durable, and no caller knows yet.
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
      // For each call to the provider. Before: claimed, nothing is sent. In: the request is sent,
      // the answer is being read. After: the answer is read, nothing is settled.
      {"before-call", kInvoiceApp, kUnderLoad},
      {"in-call", kInvoiceApp, kUnderLoad},
      {"after-call", kInvoiceApp, kUnderLoad},
      // For each request to a listener: the request is read, nothing is done; the answer is ready,
      // nothing of it is sent; the answer is sent.
      {"after-request public", kBoth, kUnderLoad},
      {"before-answer public", kBoth, kUnderLoad},
      {"after-answer public", kBoth, kUnderLoad},
      {"after-request admin", kBoth, kAtStart},
      {"before-answer admin", kBoth, kAtStart},
      {"after-answer admin", kBoth, kAtStart},
  });
}();

}  // namespace tests

#endif  // TESTS_CRASH_FAULT_POINTS_H_
