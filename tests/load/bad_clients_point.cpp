#include <array>
#include <chrono>
#include <string>
#include <utility>

#include "tests/load/bad_clients.h"
#include "tests/load/points.h"
#include "tests/load/services.h"

namespace tests {
namespace {

using std::chrono::milliseconds;

constexpr std::array<Badness, 4> kKinds = {Badness::kTricklingHead, Badness::kTricklingBody,
                                           Badness::kSilent, Badness::kUnreadResponses};
constexpr double kLimitMs = 100;
constexpr double kWorstLimitMs = 1000;  // also while the bad clients connect, all at once

milliseconds duration_of(const Settings& settings, int usual_ms) {
  return milliseconds(settings.is_quick ? 1000 : usual_ms);
}

// Clients with and without a kept connection; a kubelet opens a connection for each probe.
void add_clients(HttpLoad& load, ClientPlan plan) {
  constexpr int kClients = 4;
  plan.pause = every(milliseconds(20));
  load.add(kClients, plan);
  plan.keeps_connection = false;
  load.add(kClients, plan);
}

// For comparison: the latency depends on the disk, and on what else the machine does.
void measure_without(const Settings& settings, const Api& api, Report& report) {
  RunningService service(settings.binaries, api);
  Measurement others;
  HttpLoad load;
  add_clients(
      load, {.port = service.port(), .request = lists_and_additions(api), .measurement = &others});
  load.run_for(duration_of(settings, 6000));
  load.finish();
  Report::note(api.binary + " without bad clients", to_string(others));
  report.set_reference(std::move(others));
}

void attack_public_port(const Settings& settings, const Api& api, Badness badness, Report& report) {
  RunningService service(settings.binaries, api);
  const BadClients bad({.badness = badness,
                        .count = settings.is_quick ? 100 : 600,
                        .port = service.port(),
                        .get_path = api.list_path,
                        .post_path = api.add_path});
  Measurement others;
  Measurement probed;
  HttpLoad load;
  add_clients(
      load, {.port = service.port(), .request = lists_and_additions(api), .measurement = &others});
  add_clients(load, {.port = service.admin_port(), .request = probes(), .measurement = &probed});
  load.run_for(duration_of(settings, 6000));
  load.finish();
  const std::string what = api.binary + ", " + to_string(badness) + " on the public port";
  report.check_latency(what + ", others", others, 0.99, kLimitMs);
  report.check_latency(what + ", others", others, 1, kWorstLimitMs);
  report.check_latency(what + ", probes", probed, 0.99, kLimitMs);
}

void attack_admin_port(const Settings& settings, const Api& api, Badness badness, Report& report) {
  RunningService service(settings.binaries, api);
  const BadClients bad({.badness = badness,
                        .count = settings.is_quick ? 16 : 64,
                        .port = service.admin_port(),
                        .get_path = "/metrics",
                        .post_path = "/metrics"});
  Measurement probed;
  HttpLoad load;
  add_clients(load, {.port = service.admin_port(), .request = probes(), .measurement = &probed});
  load.run_for(duration_of(settings, 3000));
  load.finish();
  report.check_latency(api.binary + ", " + to_string(badness) + " on the admin port, probes",
                       probed, 1, kLimitMs);
}

}  // namespace

void bad_clients(const Settings& settings, Report& report) {
  for (const Api* api : {&kInvoiceApp, &kPaymentProvider}) {
    measure_without(settings, *api, report);
    for (const Badness badness : kKinds) attack_public_port(settings, *api, badness, report);
    for (const Badness badness : kKinds) attack_admin_port(settings, *api, badness, report);
  }
}

}  // namespace tests
