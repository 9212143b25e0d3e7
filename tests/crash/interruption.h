// How long clients can't write after a failover.

#ifndef TESTS_CRASH_INTERRUPTION_H_
#define TESTS_CRASH_INTERRUPTION_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/crash/replicas.h"

namespace tests {

// The promise for a failover.
inline constexpr std::chrono::seconds kLongestInterruption(5);

struct Interruptions {
  std::int64_t count = 0;  // of processes that were measured
  std::chrono::milliseconds longest{0};

  void add(const Interruptions& other);
};

// Call this when the new primary can commit, with `since` the time from when it could. Sends the
// same request to each of the processes until it is confirmed: POST /invoices to an invoice-app,
// POST /payments/pay to a provider. Both need a commit. The interruption is the time from `since`
// to the response. A process that does not listen, because it starts or has died, is not measured.
//
// The requests change no outcome: the invoice is one of a new database, and its payment has the key
// that invoice-app uses.
Interruptions measure_interruptions(const Replicas& replicas,
                                    const std::vector<std::size_t>& processes,
                                    std::chrono::steady_clock::time_point since);

}  // namespace tests

#endif  // TESTS_CRASH_INTERRUPTION_H_
