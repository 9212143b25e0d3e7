// What holds when a trial is over and everything has been paid that can be: looked up through every
// replica and in the databases themselves.

#ifndef TESTS_CRASH_INVARIANTS_H_
#define TESTS_CRASH_INVARIANTS_H_

#include <cstdint>

#include "tests/crash/clients.h"
#include "tests/crash/cluster.h"

namespace tests {

struct FinalCounts {
  std::int64_t invoices = 0;
  std::int64_t paid = 0;
  std::int64_t refused = 0;
};

// Throws Violation. The cluster must be healed and everything in it paid or refused.
FinalCounts check_invariants(const Cluster& cluster, const Knowledge& knowledge);

}  // namespace tests

#endif  // TESTS_CRASH_INVARIANTS_H_
