#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "bench/floor.h"
#include "bench/sections.h"

namespace bench {
namespace {

using tests::Report;

std::string rounded(double number) { return std::to_string(std::lround(number)); }
std::string percent(double ratio) { return rounded(100 * ratio) + " %"; }

// Payments in a time, over several rounds.
struct Rate {
  int payments = 0;
  Seconds time{0};

  void add(int count, Seconds duration) {
    payments += count;
    time += duration;
  }
  double per_second() const { return payments / time.count(); }
};

struct FloorRates {
  Rate in_turn;
  Rate pipeline;

  double fastest() const { return std::max(in_turn.per_second(), pipeline.per_second()); }
  std::string text() const {
    return rounded(in_turn.per_second()) + "/s in turn, " + rounded(pipeline.per_second()) +
           "/s as a pipeline";
  }
};

// Adds a round of `runs` runs in databases of their own.
void measure_floor(int count, const CommitSizes& sizes, int runs, FloorRates& rates,
                   tests::PostgresServer* server = nullptr) {
  // More of the small commits would only take longer.
  constexpr std::size_t kMaxCommits = 200;
  count = std::min(count, static_cast<int>(kMaxCommits * sizes.ledger));
  Floor databases(server);
  for (int run = 0; run < runs; ++run) {
    databases.add(count);
    rates.in_turn.add(count, databases.pay_in_turn(sizes));
    databases.add(count);
    rates.pipeline.add(count, databases.pay_in_pipeline(sizes));
  }
}

struct Measured {
  Rate rate;
  FloorRates floor;  // with the commit sizes of the runs, measured after each round
  std::size_t invoice_commits = 0;
  std::size_t ledger_commits = 0;
  long invoice_app_kilobytes = 0;
  long provider_kilobytes = 0;

  CommitSizes commit_sizes() const {
    const auto mean = [this](std::size_t commits) {
      const auto divisor = static_cast<double>(std::max<std::size_t>(1, commits));
      return static_cast<std::size_t>(std::ceil(rate.payments / divisor));
    };
    return {.invoices = mean(invoice_commits), .ledger = mean(ledger_commits)};
  }
  double ratio() const { return rate.per_second() / floor.fastest(); }
};

// A round: `runs` runs of `count` invoices each, in databases of their own.
void measure(const Programs& programs, const PairsOptions& options, int count, int runs,
             Measured& measured) {
  {
    Pairs pairs(programs, options);
    for (int run = 0; run < runs; ++run) {
      pairs.add(count);
      const auto invoices_before = pairs.invoice_writes().commits;
      const auto ledger_before = pairs.ledger_writes().commits;
      measured.rate.add(count, pairs.pay());
      // The first commit of a run only requests and claims.
      measured.invoice_commits += pairs.invoice_writes().commits - invoices_before - 1;
      measured.ledger_commits += pairs.ledger_writes().commits - ledger_before;
    }
    measured.invoice_app_kilobytes = pairs.invoice_app_kilobytes();
    measured.provider_kilobytes = pairs.provider_kilobytes();
    pairs.check_paid_once();
  }
  measure_floor(count, measured.commit_sizes(), runs, measured.floor);
}

std::string text(const Measured& measured) {
  const auto [invoices, ledger] = measured.commit_sizes();
  return rounded(measured.rate.per_second()) + "/s; " + std::to_string(invoices) +
         " invoices and " + std::to_string(ledger) +
         " payments in a commit; the floor with as many: " + measured.floor.text() + "; ratio " +
         percent(measured.ratio()) + "; peak memory " +
         std::to_string(measured.invoice_app_kilobytes / 1000) + " and " +
         std::to_string(measured.provider_kilobytes / 1000) + " MB";
}

void pay_three(const Settings& settings) {
  constexpr int kCount = 3;
  constexpr int kRuns = 200;
  for (const bool has_batch : {true, false}) {
    Measured measured;
    measure(settings.programs, {.has_batch = has_batch}, kCount, kRuns, measured);
    Report::note("3 invoices, " + std::string(has_batch ? "batch" : "one by one"),
                 rounded(measured.rate.per_second() / kCount) + " requests/s; " + text(measured));
  }
}

void pay_many(const Settings& settings, Reports& reports, int count, int rounds) {
  Measured batches;
  Measured singles;
  for (int round = 0; round < rounds; ++round) {  // in turn: the machine's speed varies
    measure(settings.programs, {.has_batch = true}, count, 1, batches);
    measure(settings.programs, {.has_batch = false}, count, 1, singles);
  }
  const std::string what = std::to_string(count) + " invoices, ";
  reports.targets.check(batches.ratio() >= 0.5, what + "batches", text(batches), ">= 50 %");
  Report::note(what + "one by one", text(singles));
  Report::note(what + "batches relative to one by one",
               percent(batches.rate.per_second() / singles.rate.per_second()));
}

void pay_on_postgresql(const Settings& settings, Reports& reports, tests::PostgresServer& server,
                       int count, int rounds) {
  Rate rate;
  Rate sqlite;
  FloorRates floor;
  const auto measure_round = [&](const PairsOptions& options, Rate& measured) {
    Pairs pairs(settings.programs, options);
    pairs.add(count);
    measured.add(count, pairs.pay());
    pairs.check_paid_once();
  };
  for (int round = 0; round < rounds; ++round) {  // in turn: the machine's speed varies
    measure_round({.server = &server}, rate);
    measure_round({}, sqlite);
    measure_floor(count, {.invoices = 1000, .ledger = 1000}, 1, floor, &server);
  }
  const double per_second = rate.per_second();
  reports.targets.check(per_second >= 10'000, std::to_string(count) + " invoices",
                        rounded(per_second) + "/s; with SQLite " + rounded(sqlite.per_second()) +
                            "/s, ratio " + percent(per_second / sqlite.per_second()) +
                            "; the floor with 1000 in a commit: " + floor.text() + ", ratio " +
                            percent(per_second / floor.fastest()),
                        ">= 10000/s");
}

std::string text(const Writes& before, const Writes& after) {
  return std::to_string(after.commits - before.commits) + " commits, " +
         std::to_string(after.syncs - before.syncs) + " syncs";
}

}  // namespace

void floor(const Settings& /*settings*/, Reports& /*reports*/) {
  for (const int count : {10'000, 100'000}) {
    for (const std::size_t commit_size : {std::size_t{256}, std::size_t{1000}}) {
      FloorRates rates;
      measure_floor(count, {commit_size, commit_size}, 2, rates);
      Report::note(
          std::to_string(count) + " invoices, " + std::to_string(commit_size) + " in a commit",
          rates.text());
    }
  }
}

void pay(const Settings& settings, Reports& reports) {
  pay_three(settings);
  pay_many(settings, reports, 10'000, 3);
  pay_many(settings, reports, 100'000, 1);
  if (settings.pays_a_million) pay_many(settings, reports, 1'000'000, 1);
}

void postgresql(const Settings& settings, Reports& reports) {
  tests::PostgresServer server({{"fsync", "on"}, {"synchronous_commit", "on"}});
  pay_on_postgresql(settings, reports, server, 10'000, 3);
  pay_on_postgresql(settings, reports, server, 100'000, 1);
}

void syncs(const Settings& settings, Reports& /*reports*/) {
  for (const int count : {3, 10'000}) {
    Pairs pairs(settings.programs, {.counts_syncs = true});
    pairs.add(count);
    const Writes invoices_before = pairs.invoice_writes();
    const Writes ledger_before = pairs.ledger_writes();
    pairs.pay();
    Report::note(std::to_string(count) + " invoices",
                 "invoice-app " + text(invoices_before, pairs.invoice_writes()) +
                     "; payment-provider " + text(ledger_before, pairs.ledger_writes()));
    pairs.check_paid_once();
  }
}

void replicas(const Settings& settings, Reports& reports) {
  constexpr int kReplicas = 3;
  constexpr int kCount = 100'000;
  constexpr int kRounds = 3;
  Rate one;
  Rate three;
  const auto measure_round = [&](int replica_count, Rate& rate) {
    Pairs pairs(settings.programs, {.count = replica_count});
    pairs.add(kCount);
    rate.add(kCount, pairs.pay());
    pairs.check_paid_once();
  };
  for (int round = 0; round < kRounds; ++round) {
    measure_round(1, one);
    measure_round(kReplicas, three);
  }
  const double ratio = three.per_second() / one.per_second();
  reports.required.check(ratio >= 0.8, "three pairs relative to one",
                         percent(ratio) + ": " + rounded(three.per_second()) + "/s and " +
                             rounded(one.per_second()) + "/s",
                         ">= 80 %");
}

}  // namespace bench
