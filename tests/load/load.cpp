// Proves from outside what the HTTP server promises: runs the services as processes, puts load on
// them, and prints a line per acceptance point with the measured figure and its limit.
//
//   load [--quick] [--binaries=DIR] [--baseline=DIR] [POINT...]
//
// --quick      fewer clients for a shorter time and no limits on time, for sanitizers
// --binaries   invoice-app and payment-provider to test; default: those of this build
// --baseline   those of an older version, to compare the rate with
// POINT        only these points; default: all
//
// Exit status: 0 all points are met, 1 one is not, 2 usage.

#include <algorithm>
#include <array>
#include <csignal>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/load/points.h"

namespace tests {
namespace {

struct Point {
  std::string_view name;
  void (*run)(const Settings& settings, Report& report);
};

constexpr std::array<Point, 8> kPoints = {{{"bad-clients", bad_clients},
                                           {"many-connections", many_connections},
                                           {"proxy", proxy},
                                           {"rate", rate},
                                           {"slow-readers", slow_readers},
                                           {"no-descriptors", no_descriptors},
                                           {"connection-cap", connection_cap},
                                           {"stop", stop}}};

int usage() {
  std::cerr << "usage: load [--quick] [--binaries=DIR] [--baseline=DIR] [POINT...]\nPoints:";
  for (const Point& point : kPoints) std::cerr << ' ' << point.name;
  std::cerr << '\n';
  return 2;
}

bool run(const Point& point, const Settings& settings) {
  Report report(!settings.is_quick);
  return report.run(point.name, [&] { point.run(settings, report); });
}

int run(const std::vector<std::string_view>& arguments) {
  constexpr std::string_view kBinaries = "--binaries=";
  constexpr std::string_view kBaseline = "--baseline=";
  Settings settings;
  settings.binaries = BINARIES;
  std::vector<Point> chosen;
  for (const std::string_view argument : arguments) {
    const auto* point = std::find_if(kPoints.begin(), kPoints.end(),
                                     [&](const Point& each) { return each.name == argument; });
    if (point != kPoints.end()) {
      chosen.push_back(*point);
    } else if (argument == "--quick") {
      settings.is_quick = true;
    } else if (argument.starts_with(kBinaries)) {
      settings.binaries = argument.substr(kBinaries.size());
    } else if (argument.starts_with(kBaseline)) {
      settings.baseline = argument.substr(kBaseline.size());
    } else {
      return usage();
    }
  }
  if (chosen.empty()) chosen.assign(kPoints.begin(), kPoints.end());
  raise_descriptor_limit();
  bool passed = true;
  for (const Point& point : chosen) passed = run(point, settings) && passed;
  return passed ? 0 : 1;
}

}  // namespace
}  // namespace tests

int main(int argc, char** argv) { return tests::run({argv + 1, argv + argc}); }
