// The lines that `load` prints: one per acceptance point.

#ifndef TESTS_LOAD_REPORT_H_
#define TESTS_LOAD_REPORT_H_

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "tests/load/http_load.h"

namespace tests {

class Report {
 public:
  // Without limits on time, for sanitizers and loaded machines, latencies are printed only.
  explicit Report(bool limits_time) : limits_time_(limits_time) {}

  // Prints what was measured, its limit, and whether it is within the limit.
  void check(bool passed, const std::string& what, const std::string& measured,
             const std::string& limit);

  // What the machine does without bad clients, in the same run. Limits of latencies are at least
  // three times its latency: on a busy machine, the disk and the processor are slow for everyone.
  void set_reference(Measurement reference) { reference_ = std::move(reference); }

  // The share `quantile` (0.5, 0.99, 1 for the slowest) of all responses takes less than
  // `limit_ms`, there are responses, and no request fails.
  void check_latency(const std::string& what, const Measurement& measurement, double quantile,
                     double limit_ms);

  // No request fails.
  void check_failures(const std::string& what, const Measurement& measurement);

  // Prints what has no limit.
  static void note(const std::string& what, const std::string& measured);

  // Prints the name, then calls `work`; if it throws, prints why. Returns whether it returned and
  // all checks have passed.
  bool run(std::string_view name, const std::function<void()>& work);

 private:
  const bool limits_time_;
  Measurement reference_;
  bool has_passed_ = true;
};

// "p50 0.21 ms, p99 3.40 ms, worst 10.1 ms; 0 failures of 12345"
std::string to_string(const Measurement& measurement);

}  // namespace tests

#endif  // TESTS_LOAD_REPORT_H_
