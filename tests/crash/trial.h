// One trial: a cluster under load, in which everything that can go wrong does, healed at the end,
// and then everything checked that is promised (docs/exactly-once.md).

#ifndef TESTS_CRASH_TRIAL_H_
#define TESTS_CRASH_TRIAL_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <vector>

#include "tests/crash/cluster.h"

namespace tests {

// A promise was broken; what() says which, and for what.
class Violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct PlannedDeath {
  std::size_t process;
  Death death;
};

struct TrialOptions {
  std::filesystem::path binaries;
  std::filesystem::path data;  // an empty directory
  std::uint64_t seed;
  // Processes that are made to die at a point, from the start.
  std::vector<PlannedDeath> deaths = {};
  // For how long processes are killed, stopped and restarted at random while clients call.
  std::chrono::milliseconds chaos{600};
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

// Throws Violation, or std::runtime_error when the trial itself can't go on.
TrialReport run_trial(const TrialOptions& options);

}  // namespace tests

#endif  // TESTS_CRASH_TRIAL_H_
