#include "tests/load/report.h"

#include <algorithm>
#include <exception>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <utility>

namespace tests {

void Report::check(bool passed, const std::string& what, const std::string& measured,
                   const std::string& limit) {
  has_passed_ = has_passed_ && passed;
  std::cout << (passed ? "pass" : "FAIL") << "  " << what << ": " << measured
            << " (limit: " << limit << ")" << std::endl;
}

void Report::check_latency(const std::string& what, const Measurement& measurement, double quantile,
                           double limit_ms) {
  if (!reference_.latencies.empty()) {
    limit_ms = std::max(limit_ms, 3 * reference_.milliseconds_at(quantile));
  }
  const bool is_fast = measurement.milliseconds_at(quantile) < limit_ms;
  std::ostringstream limit;
  if (limits_time_) {
    limit << (quantile < 1 ? "p" + std::to_string(static_cast<int>(quantile * 100)) : "worst")
          << " < " << limit_ms << " ms, ";
  }
  limit << "0 failures";
  check((is_fast || !limits_time_) && !measurement.latencies.empty() &&
            measurement.failure_count() == 0,
        what, to_string(measurement), limit.str());
}

void Report::check_failures(const std::string& what, const Measurement& measurement) {
  check(!measurement.latencies.empty() && measurement.failure_count() == 0, what,
        to_string(measurement), "0 failures");
}

bool Report::run(std::string_view name, const std::function<void()>& work) {
  std::cout << name << std::endl;
  try {
    work();
  } catch (const std::exception& error) {
    std::cout << "FAIL  " << error.what() << std::endl;
    return false;
  }
  return has_passed_;
}

void Report::note(const std::string& what, const std::string& measured) {
  std::cout << "      " << what << ": " << measured << std::endl;
}

std::string to_string(const Measurement& measurement) {
  std::ostringstream text;
  text << std::setprecision(3) << "p50 " << measurement.milliseconds_at(0.5) << " ms, p99 "
       << measurement.milliseconds_at(0.99) << " ms, worst " << measurement.milliseconds_at(1)
       << " ms; " << measurement.failure_count() << " failures, " << measurement.latencies.size()
       << " responses";
  const char* separator = ": ";
  for (const auto& [reason, count] : measurement.failures) {
    text << std::exchange(separator, ", ") << count << " x " << reason;
  }
  return text.str();
}

}  // namespace tests
