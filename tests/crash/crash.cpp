// The crash suite: trials in which processes are killed at random moments and at every named point
// while clients call, and after each the question whether any promise was broken.
//
//   crash BINARIES TRIALS [SEED]
//
// BINARIES: a directory of invoice-app and payment-provider built with FAULT_INJECTION. Trial n of
// a seed takes the same decisions each time; when one fails, its data and logs are kept. Exit
// status: 0 no violation, 1 a violation, 2 the suite itself could not go on.

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

#include "common/fault_point.h"
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
  }

  void print() const {
    std::cout << trials << " trials: " << sum.invoices << " invoices, " << sum.paid
              << " paid once each, " << sum.refused << " refused; " << sum.calls << " calls, "
              << sum.lists << " lists, " << sum.deaths << " deaths, " << sum.harmed
              << " pieces of traffic harmed; 0 violations" << std::endl;
  }
};

// The first trials are one for each point in each service, the process dying there early on; then
// come those in which everything is left to chance.
std::vector<PlannedDeath> planned_deaths(int hit) {
  std::vector<PlannedDeath> deaths;
  for (const std::string_view point : common::kFaultPoints) {
    deaths.push_back({0, {point, hit}});
    const bool is_call = point.ends_with("-call");  // which providers don't make
    if (!is_call) deaths.push_back({Cluster::kReplicas, {point, hit}});
  }
  return deaths;
}

TrialOptions plan(const std::filesystem::path& binaries, std::uint64_t seed, std::uint64_t number) {
  TrialOptions options{.binaries = binaries, .data = {}, .seed = seed * 1'000'000 + number};
  const auto deaths = planned_deaths(1 + static_cast<int>(seed % 3));
  if (number < deaths.size()) {
    options.deaths = {deaths[number]};
    options.chaos = std::chrono::milliseconds(200);
  }
  return options;
}

std::filesystem::path make_directory(std::uint64_t seed, std::uint64_t number) {
  const auto directory = std::filesystem::temp_directory_path() /
                         ("crash-" + std::to_string(seed) + "-" + std::to_string(number));
  std::filesystem::remove_all(directory);
  std::filesystem::create_directory(directory);
  return directory;
}

int run(const std::filesystem::path& binaries, std::uint64_t trials, std::uint64_t seed) {
  constexpr std::uint64_t kPrintEvery = 50;
  Totals totals;
  for (std::uint64_t number = 0; number < trials; ++number) {
    TrialOptions options = plan(binaries, seed, number);
    options.data = make_directory(seed, number);
    try {
      totals.add(run_trial(options));
    } catch (const std::exception& error) {
      const bool violation = dynamic_cast<const Violation*>(&error) != nullptr;
      std::cout << (violation ? "VIOLATION" : "STOPPED") << " in trial " << number << " of seed "
                << seed << " (data and logs in " << options.data.string() << "): " << error.what()
                << std::endl;
      return violation ? 1 : 2;
    }
    std::filesystem::remove_all(options.data);
    if (totals.trials % kPrintEvery == 0 && totals.trials < trials) {
      totals.print();
    }
  }
  totals.print();
  return 0;
}

}  // namespace
}  // namespace tests

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    std::cerr << "usage: crash BINARIES TRIALS [SEED]\n";
    return 2;
  }
  const std::uint64_t seed = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1;
  return tests::run(argv[1], std::strtoull(argv[2], nullptr, 10), seed);
}
