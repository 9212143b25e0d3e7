// The crash suite: trials in which processes are killed at random moments and at every fault point
// while clients call. Each trial checks whether a promise was broken.
//
//   crash BINARIES TRIALS [SEED [FIRST]]
//
// BINARIES: a directory of invoice-app and payment-provider built with FAULT_INJECTION. Trial n of
// a seed has the same plan each time (plan.h). The data and logs of a failed trial are kept.
// Exit status: 0 no violation, 1 a violation, 2 the suite could not continue (for example, a
// planned death didn't happen).

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

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
  }

  void print() const {
    std::cout << trials << " trials: " << sum.invoices << " invoices, " << sum.paid
              << " paid once each, " << sum.refused << " refused; " << sum.calls << " calls, "
              << sum.lists << " lists, " << sum.batches << " batches, " << sum.deaths << " deaths, "
              << sum.harmed << " pieces of traffic harmed; 0 violations" << std::endl;
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
  std::filesystem::path binaries;
  std::uint64_t trials;
  std::uint64_t seed = 1;
  std::uint64_t first = 0;
};

int run(const Arguments& arguments) {
  constexpr std::uint64_t kPrintEvery = 50;
  Totals totals;
  for (std::uint64_t trial = 0; trial < arguments.trials; ++trial) {
    const std::uint64_t number = arguments.first + trial;
    const Plan plan = make_plan(arguments.seed, number);
    const auto data = make_directory(arguments.seed, number);
    std::ofstream(data / "plan") << plan;
    try {
      totals.add(run_trial(plan, arguments.binaries, data));
    } catch (const std::exception& error) {
      const bool violation = dynamic_cast<const Violation*>(&error) != nullptr;
      std::cout << (violation ? "VIOLATION" : "STOPPED") << " in trial " << number << " of seed "
                << arguments.seed << " (plan, data and logs in " << data.string()
                << "): " << error.what() << "\nTo repeat it: crash " << arguments.binaries.string()
                << " 1 " << arguments.seed << ' ' << number << std::endl;
      return violation ? 1 : 2;
    }
    std::filesystem::remove_all(data);
    if (totals.trials % kPrintEvery == 0 && totals.trials < arguments.trials) totals.print();
  }
  totals.print();
  return 0;
}

}  // namespace
}  // namespace tests

int main(int argc, char** argv) {
  if (argc < 3 || argc > 5) {
    std::cerr << "usage: crash BINARIES TRIALS [SEED [FIRST]]\n";
    return 2;
  }
  const auto number = [&](int index, std::uint64_t otherwise) {
    return argc > index ? std::strtoull(argv[index], nullptr, 10) : otherwise;
  };
  return tests::run(
      {.binaries = argv[1], .trials = number(2, 0), .seed = number(3, 1), .first = number(4, 0)});
}
