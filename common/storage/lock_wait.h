// How long a transaction may wait for others.

#ifndef COMMON_STORAGE_LOCK_WAIT_H_
#define COMMON_STORAGE_LOCK_WAIT_H_

#include <chrono>

namespace common {

// One wait is shorter than the 5 s timeouts of probes and of invoice-app's calls, so that they get
// a response. A transaction that waits twice, to begin and to commit, may exceed them.
inline constexpr std::chrono::seconds kLongestLockWait{3};

// Of a program that serves nobody, such as the audit: it outlasts the failover of a database
// server.
inline constexpr std::chrono::seconds kLongestWaitOfJobs{30};

}  // namespace common

#endif  // COMMON_STORAGE_LOCK_WAIT_H_
