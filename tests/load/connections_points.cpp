#include <chrono>
#include <cmath>
#include <stdexcept>
#include <string>

#include "tests/load/bad_clients.h"
#include "tests/load/points.h"
#include "tests/load/services.h"
#include "tests/support/api.h"

namespace tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

ClientPlan lists(RunningService& service, Measurement& measurement) {
  return {.port = service.port(),
          .request = [] { return http_request("GET", "/invoices"); },
          .measurement = &measurement};
}

std::string megabytes(long kilobytes) { return std::to_string(kilobytes / 1000) + " MB"; }

// The open connections of the public port, from the metrics.
long active_connections(RunningService& service) {
  const std::string name = R"(http_connections_active{listener="public"} )";
  const std::string metrics =
      expect_status(patient_client(service.process().admin_url()).get("/metrics"), 200).body;
  const auto at = metrics.find(name);
  if (at == std::string::npos) throw std::runtime_error("no metric " + name);
  return std::stol(metrics.substr(at + name.size()));
}

// Clients that send a request now and then. All start within the first pause.
void run_rare_requests(HttpLoad& load, int clients, ClientPlan plan, seconds pause,
                       seconds duration) {
  plan.start_spread = pause;
  plan.pause = every(pause);
  load.add(clients, plan);
  load.run_for(pause + duration);
  load.finish();
}

}  // namespace

void many_connections(const Settings& settings, Report& report) {
  constexpr long kMaxKilobytes = 200'000;
  constexpr double kLimitMs = 5;
  RunningService service(settings.binaries, kInvoiceApp);
  const long threads_before = service.process().status("Threads");
  {
    Measurement measurement;
    HttpLoad load;
    run_rare_requests(load, 10'000, lists(service, measurement), seconds(5), seconds(30));
    const long memory = service.process().status("VmRSS");
    const long threads = service.process().status("Threads");
    report.check_failures("10,000 connections, a request every 5 s each", measurement);
    report.check(memory < kMaxKilobytes, "resident memory with them", megabytes(memory),
                 "< " + megabytes(kMaxKilobytes));
    report.check(threads <= threads_before, "threads with them", std::to_string(threads),
                 std::to_string(threads_before) + ", as without them");
  }
  Measurement measurement;
  HttpLoad load;
  run_rare_requests(load, 1'000, lists(service, measurement), seconds(3), seconds(15));
  report.check_latency("1,000 connections, a request every 3 s each", measurement, 0.5, kLimitMs);
}

void rate(const Settings& settings, Report& report) {
  constexpr int kRounds = 6;
  constexpr milliseconds kRound{2000};
  constexpr int kClients = 64;
  const auto measure = [&](RunningService& service, Measurement& measurement) {
    HttpLoad load;
    load.add(kClients, lists(service, measurement));
    load.run_for(kRound);
    load.finish();
  };
  const auto per_second = [&](const Measurement& measurement) {
    const std::chrono::duration<double> total = kRounds * kRound;
    return static_cast<double>(measurement.latencies.size()) / total.count();
  };
  const auto rounded = [](double number) { return std::to_string(std::lround(number)); };

  const std::string what = "GET /invoices, 3 rows, 64 connections";
  RunningService service(settings.binaries, kInvoiceApp);
  Measurement now;
  if (!settings.baseline) {
    for (int round = 0; round < kRounds; ++round) measure(service, now);
    report.check_failures(what + ", " + rounded(per_second(now)) + "/s", now);
    return;
  }
  RunningService old_service(*settings.baseline, kInvoiceApp);
  Measurement before;
  for (int round = 0; round < kRounds; ++round) {  // in turn: the machine's speed varies
    measure(old_service, before);
    measure(service, now);
  }
  report.check_failures(what + ", " + rounded(per_second(now)) + "/s", now);
  Report::note("the baseline, " + rounded(per_second(before)) + "/s", to_string(before));
  const double percent = 100 * per_second(now) / per_second(before);
  report.check(percent >= 100, "rate relative to the baseline", rounded(percent) + " %",
               ">= 100 %, target 120 %");
  report.check(now.milliseconds_at(0.99) < before.milliseconds_at(0.99), "p99 is lower than that",
               std::to_string(now.milliseconds_at(0.99)) + " ms",
               "< " + std::to_string(before.milliseconds_at(0.99)) + " ms");
}

void slow_readers(const Settings& settings, Report& report) {
  constexpr int kReaders = 64;
  constexpr int kOthers = 4;
  constexpr int kInvoices = 1'000'000;
  constexpr seconds kDuration{30};
  constexpr long kMaxGrowthKilobytes = 64'000;
  constexpr double kLimitMs = 100;
  RunningService service(settings.binaries, kInvoiceApp, {{"SEED_INVOICES", "false"}});
  add_invoices(service.process().url(), "L", kInvoices);
  const long before = service.process().status("VmRSS");
  const BadClients readers({.badness = Badness::kSlowReader,
                            .count = kReaders,
                            .port = service.port(),
                            .get_path = "/invoices"});
  Measurement others;
  Measurement probed;
  HttpLoad load;
  const auto add = [&](int port, std::function<std::string()> request, Measurement& measurement) {
    load.add(kOthers, {.port = port,
                       .request = std::move(request),
                       .measurement = &measurement,
                       .pause = every(milliseconds(20))});
  };
  add(
      service.port(),
      [number = 0]() mutable {
        return http_request("POST", "/invoices", kInvoiceApp.new_element(++number));
      },
      others);
  add(service.admin_port(), probes(), probed);
  load.run_for(kDuration);
  load.finish();
  const long growth = service.process().status("VmHWM") - before;
  const long active = active_connections(service);
  const auto read = readers.bytes_read() / kReaders / kDuration.count();
  const std::string what = "64 clients read a million invoices slowly, ";
  report.check_latency(what + "POST /invoices", others, 0.99, kLimitMs);
  report.check_latency(what + "probes", probed, 0.99, kLimitMs);
  report.check(growth < kMaxGrowthKilobytes, what + "growth of resident memory", megabytes(growth),
               "< " + megabytes(kMaxGrowthKilobytes));
  report.check(read > 5'000, what + "rate of each", std::to_string(read) + " bytes/s",
               "> 5000 bytes/s");
  // The clients notice only when they have read what is in buffers.
  report.check(active >= kReaders + kOthers, what + "open connections", std::to_string(active),
               ">= " + std::to_string(kReaders + kOthers));
}

}  // namespace tests
