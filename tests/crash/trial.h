// One trial: replicas under load and the faults of a plan. At the end the replicas are healed, and
// all promises are checked (docs/exactly-once.md).

#ifndef TESTS_CRASH_TRIAL_H_
#define TESTS_CRASH_TRIAL_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stdexcept>

#include "tests/crash/interruption.h"
#include "tests/crash/plan.h"
#include "tests/support/postgres_cluster.h"

namespace tests {

// A broken promise; what() names it and the invoice or payment.
class Violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The longest that healed replicas take to pay or refuse everything. An idle machine needs 1 s.
inline constexpr std::chrono::seconds kSettleTimeout(120);

struct TrialReport {
  std::int64_t invoices = 0;
  std::int64_t paid = 0;
  std::int64_t refused = 0;
  std::int64_t calls = 0;    // of clients
  std::int64_t lists = 0;    // that were checked
  std::int64_t deaths = 0;   // of processes
  std::int64_t harmed = 0;   // pieces of traffic
  std::int64_t batches = 0;  // that a provider answered
  std::int64_t failovers = 0;
  Interruptions interruptions;  // by failovers
};

// `binaries`: the directory of invoice-app and payment-provider; `data`: an empty directory;
// `cluster`: of the plan's misfortunes, with a new database for each trial, or nullptr for SQLite.
// Throws Violation, or std::runtime_error when the trial can't continue: a process ended by itself,
// or a planned death didn't happen.
TrialReport run_trial(const Plan& plan, const std::filesystem::path& binaries,
                      const std::filesystem::path& data, PostgresCluster* cluster);

}  // namespace tests

#endif  // TESTS_CRASH_TRIAL_H_
