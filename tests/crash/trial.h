// One trial: a cluster under load, in which everything goes wrong that the plan says, healed at the
// end, and then everything checked that is promised (docs/exactly-once.md).

#ifndef TESTS_CRASH_TRIAL_H_
#define TESTS_CRASH_TRIAL_H_

#include <cstdint>
#include <filesystem>
#include <stdexcept>

#include "tests/crash/plan.h"

namespace tests {

// A promise was broken; what() says which, and for what.
class Violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct TrialReport {
  std::int64_t invoices = 0;
  std::int64_t paid = 0;
  std::int64_t refused = 0;
  std::int64_t calls = 0;   // by clients
  std::int64_t lists = 0;   // checked
  std::int64_t deaths = 0;  // of processes
  std::int64_t harmed = 0;  // pieces of traffic
};

// `binaries`: the directory of invoice-app and payment-provider; `data`: an empty one. Throws
// Violation, or std::runtime_error when the trial itself can't go on: a process ends by itself, or
// a planned death doesn't come.
TrialReport run_trial(const Plan& plan, const std::filesystem::path& binaries,
                      const std::filesystem::path& data);

}  // namespace tests

#endif  // TESTS_CRASH_TRIAL_H_
