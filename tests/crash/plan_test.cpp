#include "tests/crash/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace tests {
namespace {

constexpr std::uint64_t kTrials = 200;

constexpr std::array kDatabases = {Database::kSqlite, Database::kPostgres};

std::string text(std::uint64_t seed, std::uint64_t number, Database database) {
  std::ostringstream out;
  out << make_plan(seed, number, database);
  return out.str();
}

TEST(Plan, IsTheSameForTheSameSeedAndNumberAndForNoOther) {
  std::set<std::string> plans;
  for (const Database database : kDatabases) {
    for (std::uint64_t seed = 1; seed <= 2; ++seed) {
      for (std::uint64_t number = 0; number < kTrials; ++number) {
        const std::string plan = text(seed, number, database);
        EXPECT_EQ(text(seed, number, database), plan);
        EXPECT_TRUE(plans.insert(plan).second) << seed << ' ' << number;
      }
    }
  }
}

TEST(Plan, LetsEachServiceDieAtEachOfItsPoints) {
  std::multiset<std::string> app;
  std::multiset<std::string> provider;
  for (const FaultPoint& point : kFaultPoints) {
    using enum FaultPoint::Where;
    if (point.where != kProvider) app.insert(std::string(point.name));
    if (point.where != kInvoiceApp) provider.insert(std::string(point.name));
  }
  std::multiset<std::string> app_dies;
  std::multiset<std::string> provider_dies;
  for (std::uint64_t number = 0; number < kTrials; ++number) {
    const auto planned = make_plan(1, number).planned_death;
    EXPECT_EQ(planned.has_value(), number < count_planned_deaths());
    if (!planned) continue;
    const bool is_app = planned->process < Replicas::kPerService;
    (is_app ? app_dies : provider_dies).insert(std::string(planned->death.point));
  }
  EXPECT_EQ(app_dies, app);
  EXPECT_EQ(provider_dies, provider);
}

TEST(Plan, LetsAProcessDieAgainInTheStartAfterAPlannedDeath) {
  std::map<std::string_view, FaultPoint::When> when;
  for (const FaultPoint& point : kFaultPoints) when[point.name] = point.when;
  for (const Database database : kDatabases) {
    for (std::uint64_t number = 0; number < count_planned_deaths(); ++number) {
      const auto planned = make_plan(1, number, database).planned_death;
      const std::string_view again = planned->again.point;
      EXPECT_EQ(when.at(again), FaultPoint::When::kAtStart);
      EXPECT_FALSE(database == Database::kPostgres && again.ends_with(" migrate"));
    }
  }
}

TEST(Plan, HasOneFailoverWithPostgresAndNoneWithSqlite) {
  using Kind = Misfortune::Kind;
  for (const Database database : kDatabases) {
    std::set<Kind> ends_of_sessions;
    for (std::uint64_t number = 0; number < kTrials; ++number) {
      std::vector<Kind> kinds;
      for (const Misfortune& misfortune : make_plan(1, number, database).misfortunes) {
        if (misfortune.kind >= Kind::kEndSession) kinds.push_back(misfortune.kind);
      }
      if (database == Database::kSqlite) {
        EXPECT_TRUE(kinds.empty()) << number;
        continue;
      }
      ASSERT_EQ(kinds.size(), 4U) << number;
      EXPECT_EQ(kinds[1], Kind::kKillPrimary) << number;
      EXPECT_EQ(kinds[2], Kind::kPromote) << number;
      ends_of_sessions.insert({kinds[0], kinds[3]});
    }
    if (database == Database::kPostgres) {
      EXPECT_EQ(ends_of_sessions, (std::set{Kind::kEndSession, Kind::kKillSession}));
    }
  }
}

TEST(Plan, HasEveryKindOfMisfortune) {
  std::set<Misfortune::Kind> kinds;
  for (std::uint64_t number = 0; number < kTrials; ++number) {
    for (const Misfortune& misfortune : make_plan(1, number, Database::kPostgres).misfortunes) {
      kinds.insert(misfortune.kind);
    }
  }
  EXPECT_EQ(kinds.size(), 11U);
}

TEST(Plan, HasEveryLoadWithAndWithoutBatches) {
  std::map<std::pair<std::size_t, std::uint64_t>, std::set<Batches>> batches;
  for (std::uint64_t number = count_planned_deaths(); number < kTrials; ++number) {
    const Plan plan = make_plan(1, number);
    batches[{plan.load.batch_size, plan.load.most_invoices}].insert(plan.batches);
  }
  EXPECT_EQ(batches.size(), 6U);
  for (const auto& [load, ways] : batches) EXPECT_EQ(ways.size(), 3U) << load.first;
}

TEST(Plan, SwitchesBatchesOnlyInTrialsOfThatKind) {
  for (std::uint64_t number = 0; number < kTrials; ++number) {
    const Plan plan = make_plan(1, number);
    const auto switches = std::count_if(
        plan.misfortunes.begin(), plan.misfortunes.end(),
        [](const auto& misfortune) { return misfortune.kind == Misfortune::Kind::kSwitchBatches; });
    EXPECT_EQ(switches > 0, plan.batches == Batches::kSwitching) << number;
  }
}

}  // namespace
}  // namespace tests
