// The crash suite: trials in which processes are killed at random moments and at every fault point
// while clients call. Each trial checks whether a promise was broken.
//
//   crash [--postgresql | --asynchronous] BINARIES TRIALS [SEED [FIRST]]
//
// --postgresql: not with SQLite, but with a cluster of PostgreSQL whose primary dies in each trial.
// --asynchronous: the same with standbys that lag and get no confirmed commit. So a failover loses
// payments, and the first trial must find a violation.
// BINARIES: a directory of invoice-app and payment-provider built with FAULT_INJECTION. Trial n of
// a seed has the same plan each time (plan.h). The data and logs of a failed trial are kept.
// Exit status: 0 no violation, 1 a violation or a longer interruption than promised, 2 the suite
// could not continue (for example, a planned death didn't happen).

#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "tests/crash/plan.h"
#include "tests/crash/trial.h"

namespace tests {
namespace {

struct Totals {
  std::uint64_t trials = 0;
  TrialReport sum;

  void add(const TrialReport& report) {
    ++trials;
    sum.invoices += report.invoices;
    sum.paid += report.paid;
    sum.refused += report.refused;
    sum.calls += report.calls;
    sum.lists += report.lists;
    sum.deaths += report.deaths;
    sum.harmed += report.harmed;
    sum.batches += report.batches;
    sum.failovers += report.failovers;
    sum.interruptions.add(report.interruptions);
  }

  void print() const {
    std::cout << trials << " trials: " << sum.invoices << " invoices, " << sum.paid
              << " paid once each, " << sum.refused << " refused; " << sum.calls << " calls, "
              << sum.lists << " lists, " << sum.batches << " batches, " << sum.deaths << " deaths, "
              << sum.harmed << " pieces of traffic harmed; 0 violations" << std::endl;
    if (sum.failovers == 0) return;
    std::cout << sum.failovers << " failovers; the longest of " << sum.interruptions.count
              << " interruptions after a promotion: " << sum.interruptions.longest.count() << " ms"
              << std::endl;
  }
};

std::filesystem::path make_directory(std::uint64_t seed, std::uint64_t number) {
  auto directory = std::filesystem::temp_directory_path() /
                   ("crash-" + std::to_string(seed) + "-" + std::to_string(number));
  std::filesystem::remove_all(directory);
  std::filesystem::create_directory(directory);
  return directory;
}

struct Arguments {
  std::string database;  // "", "--postgresql" or "--asynchronous"
  std::filesystem::path binaries;
  std::uint64_t trials = 0;
  std::uint64_t seed = 1;
  std::uint64_t first = 0;
};

std::unique_ptr<PostgresCluster> start_cluster(const std::string& database) {
  using enum PostgresCluster::Replication;
  if (database.empty()) return nullptr;
  return std::make_unique<PostgresCluster>(database == "--asynchronous" ? kAsynchronous : kQuorum);
}

Plan make_plan(const std::string& database, std::uint64_t seed, std::uint64_t number) {
  if (database == "--asynchronous") return make_losing_plan(seed, number);
  return make_plan(seed, number, database.empty() ? Database::kSqlite : Database::kPostgres);
}

int report_failure(const Arguments& arguments, std::uint64_t number,
                   const std::filesystem::path& data, const std::exception& error) {
  const bool violation = dynamic_cast<const Violation*>(&error) != nullptr;
  std::cout << (violation ? "VIOLATION" : "STOPPED") << " in trial " << number << " of seed "
            << arguments.seed << " (plan, data and logs in " << data.string()
            << "): " << error.what() << "\nTo repeat it: crash " << arguments.database
            << (arguments.database.empty() ? "" : " ") << arguments.binaries.string() << " 1 "
            << arguments.seed << ' ' << number << std::endl;
  return violation ? 1 : 2;
}

int run(const Arguments& arguments) {
  constexpr std::uint64_t kPrintEvery = 50;
  const auto cluster = start_cluster(arguments.database);
  Totals totals;
  for (std::uint64_t trial = 0; trial < arguments.trials; ++trial) {
    const std::uint64_t number = arguments.first + trial;
    const Plan plan = make_plan(arguments.database, arguments.seed, number);
    const auto data = make_directory(arguments.seed, number);
    std::ofstream(data / "plan") << plan;
    try {
      totals.add(run_trial(plan, arguments.binaries, data, cluster.get()));
    } catch (const std::exception& error) {
      const int status = report_failure(arguments, number, data, error);
      if (cluster) cluster->keep(data);
      return status;
    }
    std::filesystem::remove_all(data);
    if (totals.trials % kPrintEvery == 0 && totals.trials < arguments.trials) totals.print();
  }
  totals.print();
  return totals.sum.interruptions.longest > kLongestInterruption ? 1 : 0;
}

}  // namespace
}  // namespace tests

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  tests::Arguments arguments;
  if (!words.empty() && (words[0] == "--postgresql" || words[0] == "--asynchronous")) {
    arguments.database = words[0];
    words.erase(words.begin());
  }
  if (words.size() < 2 || words.size() > 4) {
    std::cerr << "usage: crash [--postgresql | --asynchronous] BINARIES TRIALS [SEED [FIRST]]\n";
    return 2;
  }
  arguments.binaries = words[0];
  arguments.trials = std::stoull(words[1]);
  if (words.size() > 2) arguments.seed = std::stoull(words[2]);
  if (words.size() > 3) arguments.first = std::stoull(words[3]);
  return tests::run(arguments);
}
