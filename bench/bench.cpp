// Measures how fast invoices are paid and listed: runs the services as processes, with databases on
// disk (SQLite, and PostgreSQL in its section) and the default log, and prints rates and ratios.
//
//   bench [--million] [SECTION...]
//
// --million   also pays 1,000,000 invoices in one run
// SECTION     only these sections; default: all
//
// Exit status: 0 all results are right, 1 one is wrong or three replicas are too slow, 2 usage.
// Other targets of speed do not change it.

#include <algorithm>
#include <array>
#include <iostream>
#include <string_view>
#include <vector>

#include "bench/sections.h"

namespace bench {
namespace {

struct Section {
  std::string_view name;
  void (*run)(const Settings& settings, Reports& reports);
};

constexpr std::array<Section, 6> kSections = {{{"floor", floor},
                                               {"pay", pay},
                                               {"postgresql", postgresql},
                                               {"syncs", syncs},
                                               {"replicas", replicas},
                                               {"lists", lists}}};

int usage() {
  std::cerr << "usage: bench [--million] [SECTION...]\nSections:";
  for (const Section& section : kSections) std::cerr << ' ' << section.name;
  std::cerr << '\n';
  return 2;
}

bool run(const Section& section, const Settings& settings) {
  Reports reports;
  return reports.required.run(section.name, [&] { section.run(settings, reports); });
}

int run(const std::vector<std::string_view>& arguments) {
  Settings settings{.programs = {.invoice_app = INVOICE_APP,
                                 .provider = PAYMENT_PROVIDER,
                                 .provider_without_batch = PROVIDER_WITHOUT_BATCH,
                                 .sync_counter = SYNC_COUNTER}};
  std::vector<Section> chosen;
  for (const std::string_view argument : arguments) {
    const auto* section = std::find_if(kSections.begin(), kSections.end(),
                                       [&](const Section& each) { return each.name == argument; });
    if (section != kSections.end()) {
      chosen.push_back(*section);
    } else if (argument == "--million") {
      settings.pays_a_million = true;
    } else {
      return usage();
    }
  }
  if (chosen.empty()) chosen.assign(kSections.begin(), kSections.end());
  tests::raise_descriptor_limit();
  bool passed = true;
  for (const Section& section : chosen) passed = run(section, settings) && passed;
  return passed ? 0 : 1;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::run({argv + 1, argv + argc}); }
