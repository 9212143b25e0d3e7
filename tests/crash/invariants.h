// What must hold at the end of a trial. Checked with every replica and in the database.

#ifndef TESTS_CRASH_INVARIANTS_H_
#define TESTS_CRASH_INVARIANTS_H_

#include <cstdint>

#include "tests/crash/clients.h"
#include "tests/crash/replicas.h"
#include "tests/crash/trial_database.h"

namespace tests {

struct FinalCounts {
  std::int64_t invoices = 0;
  std::int64_t paid = 0;
  std::int64_t refused = 0;
};

// Throws Violation. Before, the replicas must be healed and all invoices paid or refused.
FinalCounts check_invariants(const Replicas& replicas, TrialDatabase& database,
                             const Knowledge& knowledge);

}  // namespace tests

#endif  // TESTS_CRASH_INVARIANTS_H_
