#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>

#include "bench/sections.h"
#include "tests/load/http_load.h"
#include "tests/support/api.h"
#include "tests/support/service_process.h"

namespace bench {
namespace {

using std::chrono::steady_clock;
using tests::Report;

// invoice-app with a list of invoices.
class List {
 public:
  List(const Programs& programs, int rows) : programs_(programs) {
    start();
    tests::add_invoices(process_->url(), "L", rows);
  }

  // Ends invoice-app and starts it again. Returns the time until it is ready.
  Seconds restart() {
    process_->stop();
    const auto begin = steady_clock::now();
    start();
    return steady_clock::now() - begin;
  }

  // Adds an invoice; returns its id.
  std::string add_one() {
    std::string id = "A" + std::to_string(++added_);
    tests::expect_status(
        client().post("/invoices", {},
                      R"({"InvoiceId":")" + id + R"(","Value":1,"Currency":"EUR"})"),
        201);
    return id;
  }

  struct Response {
    std::string body;
    Seconds time;
  };
  Response get() {
    const auto begin = steady_clock::now();
    auto reply = tests::expect_status(client().get("/invoices"), 200);
    return {std::move(reply.body), steady_clock::now() - begin};
  }

  tests::ServiceProcess& process() { return *process_; }

 private:
  void start() {
    process_.emplace(programs_.invoice_app,
                     tests::Variables{{"DATABASE_URL", "sqlite:" + (directory_ / "l.db").string()},
                                      {"SEED_INVOICES", "false"}},
                     directory_ / "invoice-app.log");
    process_->await_ready();
    client_.emplace(tests::patient_client(process_->url()));
  }
  common::HttpClient& client() { return *client_; }

  const Programs& programs_;
  const tests::TemporaryDirectory directory_;
  std::optional<tests::ServiceProcess> process_;
  std::optional<common::HttpClient> client_;
  int added_ = 0;
};

std::string text(double number) {
  std::ostringstream out;
  out.precision(number < 100 ? 2 : 0);
  out << std::fixed << number;
  return out.str();
}

double milliseconds(Seconds time) { return 1000 * time.count(); }

Seconds median(std::vector<Seconds> times) {
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

// Clients that read the unchanged list as fast as they can.
void read_unchanged(List& list, const std::string& rows, int connections) {
  constexpr std::chrono::milliseconds kWarmUp{300};
  constexpr std::chrono::milliseconds kDuration{1500};
  constexpr int kMaxDurations = 5;
  const auto size = static_cast<double>(list.get().body.size());
  tests::Measurement measurement;
  tests::HttpLoad load;
  load.add(connections, {.port = list.process().port(),
                         .request = [] { return tests::http_request("GET", "/invoices"); },
                         .measurement = &measurement});
  load.run_for(kWarmUp);  // opens the connections
  measurement = {};
  int durations = 0;
  do {  // until there are as many responses as connections
    load.run_for(kDuration);
    ++durations;
  } while (measurement.latencies.size() < static_cast<std::size_t>(connections) &&
           durations < kMaxDurations);
  load.finish();
  const double rate =
      static_cast<double>(measurement.latencies.size()) / Seconds(durations * kDuration).count();
  Report::note(rows + " rows, unchanged, " + std::to_string(connections) + " connections",
               text(rate) + "/s, " + text(rate * size / 1e6) + " MB/s; " + to_string(measurement));
}

// One client: a GET of the unchanged list, and a GET after each of some additions.
void read_after_changes(List& list, const std::string& rows, int rounds) {
  std::vector<Seconds> unchanged;
  std::vector<Seconds> changed;
  for (int round = 0; round < rounds; ++round) {
    const std::string id = list.add_one();
    const auto response = list.get();
    if (response.body.find('"' + id + '"') == std::string::npos) {
      throw std::runtime_error("the list is stale: it does not have " + id);
    }
    changed.push_back(response.time);
    unchanged.push_back(list.get().time);
  }
  const double after_change = milliseconds(median(changed));
  const double without = milliseconds(median(unchanged));
  Report::note(rows + " rows, after a change", text(after_change) + " ms; unchanged " +
                                                   text(without) + " ms; ratio " +
                                                   text(after_change / without));
}

// A list that is too long to be kept in memory.
void read_a_million(const Settings& settings, Reports& reports) {
  constexpr int kRows = 1'000'000;
  constexpr long kMaxGrowthKilobytes = 32'000;
  constexpr double kMaxStartMs = 200;
  List list(settings.programs, kRows);
  const double start_ms = milliseconds(list.restart());
  reports.targets.check(start_ms < kMaxStartMs, "1000000 rows, start to ready",
                        text(start_ms) + " ms", "< 200 ms");
  const long before = list.process().status("VmRSS");
  const auto response = list.get();
  const long growth = list.process().status("VmHWM") - before;
  if (std::count(response.body.begin(), response.body.end(), '{') != kRows) {
    throw std::runtime_error("the list of a million is not complete");
  }
  const auto size = static_cast<double>(response.body.size());
  Report::note("1000000 rows, first list", text(response.time.count()) + " s, " +
                                               text(size / 1e6 / response.time.count()) + " MB/s");
  reports.required.check(growth < kMaxGrowthKilobytes, "1000000 rows, growth of resident memory",
                         std::to_string(growth) + " kB", "< 32000 kB");
  read_after_changes(list, "1000000", 2);
}

}  // namespace

void lists(const Settings& settings, Reports& reports) {
  constexpr int kChanges = 20;
  for (const int rows : {3, 1'000, 10'000}) {
    List list(settings.programs, rows);
    for (const int connections : {1, 64, 1'000}) {
      read_unchanged(list, std::to_string(rows), connections);
    }
    read_after_changes(list, std::to_string(rows), kChanges);
  }
  read_a_million(settings, reports);
}

}  // namespace bench
