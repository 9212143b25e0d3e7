// What goes wrong in a trial. All of it is decided before the trial begins, by the seed and the
// trial's number alone, so that it can be repeated; only what the clients and the processes are
// doing at that moment is left to chance.

#ifndef TESTS_CRASH_PLAN_H_
#define TESTS_CRASH_PLAN_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <vector>

#include "common/base/fault_point.h"
#include "tests/crash/cluster.h"

namespace tests {

// A death that must come, or the trial fails.
struct PlannedDeath {
  std::size_t process;
  common::FaultPoint point;
  Death death;
  Death again;  // and in the start that follows
};

struct Misfortune {
  enum class Kind { kNone, kKill, kStop, kPause, kResume, kStepClock };
  std::chrono::milliseconds after;  // the one before
  Kind kind;
  std::size_t process;       // but for kNone and kStepClock
  std::int64_t step_ms = 0;  // kStepClock
};

struct Plan {
  std::uint64_t seed;  // of what the clients ask for and what the proxy does
  std::optional<PlannedDeath> planned_death;
  std::vector<Misfortune> misfortunes;

  // Where, if anywhere, a restarted process is to die, by which restart it is.
  std::optional<Death> death_of_restart(std::size_t process, std::uint64_t restart) const;
};

// The first trials of a seed are one for each point in each service; the others have no planned
// death and more misfortunes.
Plan make_plan(std::uint64_t seed, std::uint64_t number);
std::uint64_t count_planned_deaths();

std::ostream& operator<<(std::ostream& out, const Plan& plan);

}  // namespace tests

#endif  // TESTS_CRASH_PLAN_H_
