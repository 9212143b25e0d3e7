// The faults of a trial. The seed and the trial's number decide all of them before the trial
// begins, so that the trial can be repeated. Chance decides only the state of clients and processes
// at the moment of a fault.

#ifndef TESTS_CRASH_PLAN_H_
#define TESTS_CRASH_PLAN_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <vector>

#include "tests/crash/fault_points.h"
#include "tests/crash/replicas.h"

namespace tests {

enum class Database { kSqlite, kPostgres };

// Whether the providers accept batches of payments.
enum class Batches { kAccepted, kNotAccepted, kSwitching };

// How many payments travel together.
struct Load {
  std::size_t batch_size;       // the most payments of a call
  std::uint64_t most_invoices;  // in a request that adds invoices
};

// The trial fails if this death doesn't happen.
struct PlannedDeath {
  std::size_t process;
  FaultPoint point;
  Death death;
  Death again;  // in the next start
};

struct Misfortune {
  enum class Kind {
    kNone,
    kKill,
    kStop,
    kPause,
    kResume,
    kStepClock,
    kSwitchBatches,
    // Of PostgresCluster.
    kEndSession,
    kKillSession,
    kKillPrimary,
    kPromote,
  };
  std::chrono::milliseconds after;  // the previous one
  Kind kind;
  std::size_t process;       // of kKill, kStop, kPause and kResume
  std::int64_t step_ms = 0;  // kStepClock
};

struct Plan {
  std::uint64_t seed;  // of the clients and the proxies
  Batches batches;
  Load load;
  std::optional<PlannedDeath> planned_death;
  std::vector<Misfortune> misfortunes;
  bool standbys_lag = false;  // they get nothing of what clients do before the primary's death

  // Where the n-th restart of a process dies, if it does.
  std::optional<Death> death_of_restart(std::size_t process, std::uint64_t restart) const;
};

// The first trials of a seed have a planned death each, one for each point of each service. The
// others have no planned death and more misfortunes. With PostgreSQL each trial has a failover,
// too: a few misfortunes after the primary's death, a standby is promoted.
Plan make_plan(std::uint64_t seed, std::uint64_t number, Database database = Database::kSqlite);
std::uint64_t count_planned_deaths();

// Loses what was confirmed, so the trial must find a violation: for a cluster whose standbys are
// asynchronous and lag.
Plan make_losing_plan(std::uint64_t seed, std::uint64_t number);

std::ostream& operator<<(std::ostream& out, const Plan& plan);

}  // namespace tests

#endif  // TESTS_CRASH_PLAN_H_
