#include "tests/crash/plan.h"

#include <array>
#include <cstddef>
#include <ostream>
#include <random>
#include <string_view>

namespace tests {
namespace {

using std::chrono::milliseconds;

using Random = std::mt19937_64;

bool is_in(const FaultPoint& point, std::size_t process) {
  using enum FaultPoint::Where;
  return point.where == kBoth ||
         point.where == (process < Replicas::kPerService ? kInvoiceApp : kProvider);
}

std::vector<FaultPoint> points_of(std::size_t process) {
  std::vector<FaultPoint> points;
  for (const FaultPoint& point : kFaultPoints) {
    if (is_in(point, process)) points.push_back(point);
  }
  return points;
}

// Those that the start after a death reaches. With PostgreSQL, it has nothing to migrate if the
// first start has migrated.
std::vector<std::string_view> points_of_restart(std::size_t process, Database database) {
  std::vector<std::string_view> names;
  for (const FaultPoint& point : points_of(process)) {
    if (point.when != FaultPoint::When::kAtStart) continue;
    if (database == Database::kPostgres && point.name.ends_with(" migrate")) continue;
    names.push_back(point.name);
  }
  return names;
}

int highest_hit(const FaultPoint& point, int under_load) {
  return point.when == FaultPoint::When::kUnderLoad ? under_load : 1;
}

std::vector<PlannedDeath> planned_deaths(std::uint64_t seed, Database database) {
  constexpr std::array<std::size_t, 2> kDoomed = {0, Replicas::kPerService};  // one of each service
  std::vector<PlannedDeath> deaths;
  for (const std::size_t process : kDoomed) {
    const auto at_restart = points_of_restart(process, database);
    for (const FaultPoint& point : points_of(process)) {
      const std::uint64_t turn = seed + deaths.size();
      const int hit = 1 + static_cast<int>(turn % static_cast<unsigned>(highest_hit(point, 3)));
      deaths.push_back({.process = process,
                        .point = point,
                        .death = {point.name, hit},
                        .again = {at_restart[turn % at_restart.size()], 1}});
    }
  }
  return deaths;
}

Misfortune random_misfortune(Random& random) {
  using Kind = Misfortune::Kind;
  Misfortune misfortune{.after = milliseconds(random() % 50),
                        .kind = Kind::kNone,
                        .process = random() % Replicas::kProcesses};
  switch (random() % 10) {
    case 0:
    case 1:
    case 2:
      misfortune.kind = Kind::kKill;
      break;
    case 3:
      misfortune.kind = Kind::kStop;
      break;
    case 4:
    case 5:
    case 6:
      misfortune.kind = Kind::kPause;
      break;
    case 7:  // all leases expire
      misfortune.kind = Kind::kStepClock;
      misfortune.step_ms = 11'000;
      break;
    case 8:
      misfortune.kind = Kind::kStepClock;
      misfortune.step_ms = static_cast<std::int64_t>(random() % 40'000) - 20'000;
      break;
    default:  // nothing
      break;
  }
  return misfortune;
}

// A paused process is resumed after one to three other misfortunes.
std::vector<Misfortune> random_misfortunes(Random& random, int count) {
  std::vector<Misfortune> all;
  std::vector<std::pair<std::size_t, std::size_t>> paused;  // process, index of its resume
  for (int i = 0; i < count; ++i) {
    all.push_back(random_misfortune(random));
    std::erase_if(paused, [&](const auto& pause) {
      if (all.size() < pause.second) return false;
      all.push_back({milliseconds(0), Misfortune::Kind::kResume, pause.first});
      return true;
    });
    if (all.back().kind == Misfortune::Kind::kPause) {
      paused.emplace_back(all.back().process, all.size() + 1 + random() % 3);
    }
  }
  return all;
}

// From now on batches are accepted, or not accepted any more.
void insert_switches(std::vector<Misfortune>& misfortunes) {
  constexpr std::size_t kInterval = 4;
  for (std::size_t i = kInterval - 1; i < misfortunes.size(); i += kInterval) {
    misfortunes.insert(misfortunes.begin() + static_cast<std::ptrdiff_t>(i),
                       {milliseconds(0), Misfortune::Kind::kSwitchBatches, 0});
  }
}

// The death of the primary in the first half, a promotion up to three misfortunes later, and a
// session that ends before them and one that ends after.
void insert_failover(std::vector<Misfortune>& misfortunes, Random& random) {
  using Kind = Misfortune::Kind;
  const auto insert = [&](std::size_t index, Kind kind) {
    misfortunes.insert(misfortunes.begin() + static_cast<std::ptrdiff_t>(index),
                       {milliseconds(random() % 50), kind, 0});
  };
  const auto end = [&] { return random() % 2 == 0 ? Kind::kEndSession : Kind::kKillSession; };
  const std::size_t death = 1 + random() % (misfortunes.size() / 2);
  const std::size_t promotion = death + random() % 4;
  insert(promotion + random() % (misfortunes.size() - promotion + 1), end());
  insert(promotion, Kind::kPromote);
  insert(death, Kind::kKillPrimary);
  insert(random() % death, end());
}

std::ostream& operator<<(std::ostream& out, const Misfortune& misfortune) {
  constexpr std::array kNames = {"nothing",
                                 "SIGKILL",
                                 "SIGTERM",
                                 "SIGSTOP",
                                 "SIGCONT",
                                 "clock",
                                 "switch batches",
                                 "end a session of the database",
                                 "SIGKILL to a session of the database",
                                 "SIGKILL to the primary",
                                 "promote a standby"};
  out << "after " << misfortune.after.count() << " ms "
      << kNames[static_cast<std::size_t>(misfortune.kind)];
  if (misfortune.kind >= Misfortune::Kind::kSwitchBatches) return out;
  if (misfortune.kind == Misfortune::Kind::kStepClock) return out << ' ' << misfortune.step_ms;
  return out << " to " << Replicas::name(misfortune.process);
}

}  // namespace

std::optional<Death> Plan::death_of_restart(std::size_t process, std::uint64_t restart) const {
  std::seed_seq sequence{seed, std::uint64_t{process}, restart};
  Random random(sequence);
  if (random() % 2 == 0) return std::nullopt;
  const auto points = points_of(process);
  const FaultPoint& point = points[random() % points.size()];
  return Death{point.name,
               1 + static_cast<int>(random() % static_cast<unsigned>(highest_hit(point, 20)))};
}

std::uint64_t count_planned_deaths() { return planned_deaths(0, Database::kSqlite).size(); }

Plan make_plan(std::uint64_t seed, std::uint64_t number, Database database) {
  constexpr int kMisfortunes = 24;
  constexpr int kAfterPlannedDeath = 6;
  constexpr std::array<Load, 6> kLoads = {
      {{2, 10}, {1'000, 40}, {7, 40}, {1'000, 3'000}, {50, 40}, {50, 200}}};
  const std::uint64_t turn = seed + number;
  Plan plan{.seed = seed * 1'000'000 + number,
            .batches = Batches{static_cast<int>(turn % 3)},
            .load = kLoads[turn / 3 % kLoads.size()],
            .planned_death = std::nullopt,
            .misfortunes = {}};
  const auto deaths = planned_deaths(seed, database);
  if (number < deaths.size()) plan.planned_death = deaths[number];
  if (plan.planned_death && plan.planned_death->point.name.ends_with(" claim")) {
    // More invoices are due than one batch has room for. So the next ones are claimed while a call
    // is in flight, and there are no results to settle in the same commit.
    plan.batches = Batches::kAccepted;
    plan.load = {.batch_size = 2, .most_invoices = 40};
  }
  Random random(plan.seed);
  plan.misfortunes =
      random_misfortunes(random, plan.planned_death ? kAfterPlannedDeath : kMisfortunes);
  if (plan.batches == Batches::kSwitching) insert_switches(plan.misfortunes);
  if (database == Database::kPostgres) insert_failover(plan.misfortunes, random);
  return plan;
}

Plan make_losing_plan(std::uint64_t seed, std::uint64_t number) {
  Plan plan = make_plan(seed, number, Database::kPostgres);
  plan.planned_death = std::nullopt;
  plan.misfortunes = {{milliseconds(0), Misfortune::Kind::kKillPrimary, 0},
                      {milliseconds(0), Misfortune::Kind::kPromote, 0}};
  plan.standbys_lag = true;
  return plan;
}

std::ostream& operator<<(std::ostream& out, const Plan& plan) {
  constexpr std::array kNames = {"accepted", "not accepted", "switching"};
  out << "batches of up to " << plan.load.batch_size << ": "
      << kNames[static_cast<std::size_t>(plan.batches)] << "; requests with up to "
      << plan.load.most_invoices << " invoices\n";
  if (const auto& planned = plan.planned_death) {
    out << Replicas::name(planned->process) << " dies at \"" << planned->death.point << "\", hit "
        << planned->death.hit << ", and in the next start at \"" << planned->again.point << "\"\n";
  }
  if (plan.standbys_lag) out << "standbys lag\n";
  for (const Misfortune& misfortune : plan.misfortunes) out << misfortune << '\n';
  constexpr std::uint64_t kShown = 5;
  for (std::size_t process = 0; process < Replicas::kProcesses; ++process) {
    for (std::uint64_t restart = 1; restart <= kShown; ++restart) {
      const auto death = plan.death_of_restart(process, restart);
      if (!death) continue;
      out << Replicas::name(process) << ", restart " << restart << ": dies at \"" << death->point
          << "\", hit " << death->hit << '\n';
    }
  }
  return out;
}

}  // namespace tests
