#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <deque>
#include <functional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "tests/load/points.h"
#include "tests/load/services.h"
#include "tests/support/eventually.h"
#include "tests/support/raw_client.h"

namespace tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kConnections = 400;

// How many lines about accepting connections the listener has logged.
int lines_about_accepting(RunningService& service, const std::string& listener) {
  std::istringstream log(service.process().log());
  int count = 0;
  for (std::string line; std::getline(log, line);) {
    const bool is_about_it = line.find("accept") != std::string::npos &&
                             line.find('"' + listener + '"') != std::string::npos;
    if (is_about_it) ++count;
  }
  return count;
}

ClientPlan new_connections(int port, std::function<std::string()> request,
                           Measurement& measurement) {
  return {.port = port,
          .request = std::move(request),
          .measurement = &measurement,
          .pause = every(milliseconds(50)),
          .keeps_connection = false};
}

}  // namespace

void no_descriptors(const Settings& settings, Report& report) {
  constexpr rlim_t kDescriptors = 256;
  constexpr int kEpisodes = 2;
  constexpr double kLimitMs = 1000;
  RunningService service(settings.binaries, kInvoiceApp);
  // Now, when the service has computed its cap from a higher limit.
  const rlimit limit{.rlim_cur = kDescriptors, .rlim_max = kDescriptors};
  ::prlimit(service.process().pid(), RLIMIT_NOFILE, &limit, nullptr);

  Measurement probed;
  Measurement later;
  int lines = 0;
  for (int episode = 1; episode <= kEpisodes; ++episode) {
    HttpLoad load;
    {
      std::deque<RawClient> clients;
      for (int i = 0; i < kConnections; ++i) clients.emplace_back(service.port());
      // Not /readyz: the database needs descriptors, too.
      load.add(1, new_connections(service.admin_port(), gets({"/livez", "/metrics"}), probed));
      load.run_for(seconds(1));
    }
    load.add(4, new_connections(service.port(), lists_and_additions(kInvoiceApp), later));
    load.run_for(seconds(1));
    load.finish();
    // One line when it begins and one when it ends.
    const auto has_ended = [&] {
      lines = lines_about_accepting(service, "public");
      return lines == 2 * episode;
    };
    if (!eventually(has_ended, seconds(5))) break;
  }
  report.check_latency("no descriptors left, /livez and /metrics", probed, 1, kLimitMs);
  report.check_latency("descriptors left again, new clients", later, 1, kLimitMs);
  report.check(lines == 2 * kEpisodes, "log lines about 2 times without descriptors",
               std::to_string(lines), "4");
}

void connection_cap(const Settings& settings, Report& report) {
  constexpr int kDescriptors = 1024;  // some of them are for other things than connections
  constexpr double kLimitMs = 1000;
  RunningService service(settings.binaries, kInvoiceApp, {}, kDescriptors);
  Measurement active;
  HttpLoad load;
  load.add(4, {.port = service.port(),
               .request = lists_and_additions(kInvoiceApp),
               .measurement = &active,
               .pause = every(milliseconds(20))});
  std::thread runs([&] { load.run_for(seconds(3)); });

  std::deque<RawClient> clients;  // each becomes idle after the one before it
  int served = 0;
  for (int i = 0; i < kConnections; ++i) {
    RawClient& client = clients.emplace_back(service.port());
    if (client.ask(http_request("GET", "/invoices")).status == 200) ++served;
    // Otherwise hundreds could come in the pause of an active client, which would be the longest
    // idle then.
    std::this_thread::sleep_for(milliseconds(1));
  }
  runs.join();
  load.finish();
  const auto first_open = std::find_if(clients.begin(), clients.end(),
                                       [](RawClient& client) { return client.is_idle(); });
  const auto open =
      std::count_if(first_open, clients.end(), [](RawClient& client) { return client.is_idle(); });
  const auto closed = first_open - clients.begin();
  const auto out_of_order = static_cast<std::ptrdiff_t>(clients.size()) - closed - open;
  report.check(served == kConnections, "400 new clients with 1,024 descriptors",
               std::to_string(served) + " served", "all");
  report.check(closed > 0 && open > 0 && out_of_order == 0, "longest-idle are closed first",
               std::to_string(closed) + " oldest closed, " + std::to_string(open) + " open, " +
                   std::to_string(out_of_order) + " closed out of order",
               "0 out of order");
  report.check_latency("active clients meanwhile", active, 1, kLimitMs);
}

void stop(const Settings& settings, Report& report) {
  RunningService service(settings.binaries, kInvoiceApp, {{"DRAIN_SECONDS", "1"}});
  Measurement measurement;
  HttpLoad load;
  ClientPlan plan{.port = service.port(),
                  .request = lists_and_additions(kInvoiceApp),
                  .measurement = &measurement,
                  .pause = every(milliseconds(5)),
                  .expects_stop = true};
  load.add(64, plan);
  plan.keeps_connection = false;
  load.add(8, plan);
  load.run_for(milliseconds(500));
  const auto before = measurement.latencies.size();
  service.process().signal(SIGTERM);
  // Longer than the drain, and until connections are refused.
  for (int i = 0; i < 2 || (i < 30 && measurement.not_sent == 0); ++i)
    load.run_for(milliseconds(1000));
  load.finish();
  report.check_failures("requests during the stop", measurement);
  report.check(measurement.latencies.size() > before && measurement.not_sent > 0,
               "responses after SIGTERM", std::to_string(measurement.latencies.size() - before),
               "> 0, then connections are refused");
  const int status = service.process().wait();
  report.check(status == 0, "exit status", std::to_string(status), "0");
}

}  // namespace tests
