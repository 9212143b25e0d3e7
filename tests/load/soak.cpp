// Adds, pays and lists invoices concurrently: three processes of each service on one PostgreSQL
// server. Prints whether a request failed, a list missed what was confirmed before, transactions
// were in a deadlock, or the ledger differs from the invoices at the end.
//
//   soak [SECONDS]
//
// SECONDS   how long the clients run; default: 60
//
// Exit status: 0 all is right, 1 something is not, 2 usage.

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/mutex.h"
#include "tests/load/report.h"
#include "tests/support/api.h"
#include "tests/support/postgres_server.h"
#include "tests/support/service_process.h"
#include "tests/support/temporary_directory.h"

namespace tests {
namespace {

using common::HttpClient;
using nlohmann::json;
using std::chrono::steady_clock;

constexpr int kReplicas = 3;
constexpr int kInvoicesPerRequest = 50;
// Lists take longer the more invoices there are, and every call pays the refused ones again.
constexpr int kMostInvoices = 100'000;
constexpr int kMostRefused = 300;

// What the clients have seen. Thread-safe.
class Results {
 public:
  void add(const std::string& request, const common::HttpResult& result) {
    const auto* reply = std::get_if<common::HttpReply>(&result);
    common::MutexLock lock(mutex_);
    ++requests_;
    if (reply != nullptr && is_expected(*reply)) return;
    ++failures_;
    if (failures_ > kShownFailures) return;
    shown_ += "\n  " + request + ": " +
              (reply == nullptr ? std::get<common::HttpFailure>(result).message
                                : std::to_string(reply->status) + " " + reply->body);
  }

  void report(Report& report) const {
    common::MutexLock lock(mutex_);
    report.check(failures_ == 0, "requests that failed",
                 std::to_string(failures_) + " of " + std::to_string(requests_) + shown_, "0");
    report.check(stale_lists == 0, "lists without what was confirmed before",
                 std::to_string(stale_lists), "0");
  }

  std::atomic<int> confirmed = 0;  // invoices that were added
  std::atomic<int> stale_lists = 0;

 private:
  static constexpr int kShownFailures = 5;

  // 502 with this type reports invoices that the provider refused.
  static bool is_expected(const common::HttpReply& reply) {
    return reply.status < 300 || (reply.status == 502 &&
                                  json::parse(reply.body)["type"] == "urn:problem:payment-refused");
  }

  mutable common::Mutex mutex_;
  int requests_ GUARDED_BY(mutex_) = 0;
  int failures_ GUARDED_BY(mutex_) = 0;
  std::string shown_ GUARDED_BY(mutex_);
};

class Soak {
 public:
  explicit Soak(steady_clock::time_point end) : end_(end) {
    const std::string payments = server_.create_database();
    const std::string invoices = server_.create_database();
    for (int i = 0; i < kReplicas; ++i) {
      providers_.push_back(
          start("payment-provider", i, payments, {{"ACCEPTED_CURRENCIES", "EUR"}}));
      apps_.push_back(
          start("invoice-app", i, invoices,
                {{"PAYMENT_PROVIDER_URL", providers_.back()->url()}, {"SEED_INVOICES", "false"}}));
    }
  }

  void run(Report& report) {
    std::vector<std::future<void>> clients;
    for (std::size_t i = 0; i < kReplicas; ++i) {
      for (const auto work : {&Soak::add, &Soak::pay, &Soak::list}) {
        clients.push_back(std::async(std::launch::async, work, this, i));
      }
    }
    for (auto& client : clients) client.get();
    HttpClient last = patient_client(apps_[0]->url());
    pay_once(last);
    results_.report(report);
    const std::string log = server_.log();
    report.check(log.find("deadlock detected") == std::string::npos, "the server's log",
                 log.find("ERROR:") == std::string::npos ? "no error" : errors(log), "no deadlock");
    check_ledger(report);
  }

 private:
  using Process = std::unique_ptr<ServiceProcess>;

  Process start(const std::string& program, int number, const std::string& database,
                Variables variables) {
    variables["DATABASE_URL"] = database;
    auto process =
        std::make_unique<ServiceProcess>(BINARIES "/" + program, std::move(variables),
                                         directory_ / (program + std::to_string(number) + ".log"));
    process->await_ready();
    return process;
  }

  bool is_over() const { return steady_clock::now() >= end_; }

  // Adds invoices, and the last ones again at another replica. Some will be refused.
  void add(std::size_t replica) {
    std::vector<HttpClient> clients;
    for (const std::size_t i : {replica, (replica + 1) % kReplicas}) {
      clients.push_back(patient_client(apps_[i]->url()));
    }
    for (int added = 0; added < kMostInvoices / kReplicas && !is_over();) {
      const bool is_refused = added / kInvoicesPerRequest < kMostRefused / kReplicas;
      json invoices = json::array();
      for (int i = 0; i < kInvoicesPerRequest; ++i) {
        invoices.push_back({{"InvoiceId", std::to_string(replica) + "-" + std::to_string(added++)},
                            {"Value", added},
                            {"Currency", is_refused && i == 0 ? "USD" : "EUR"}});
      }
      results_.add("POST /invoices", clients.front().post("/invoices", {}, invoices.dump()));
      results_.confirmed += kInvoicesPerRequest;
      std::ranges::reverse(invoices);
      results_.add("POST /invoices again", clients.back().post("/invoices", {}, invoices.dump()));
    }
  }

  void pay(std::size_t replica) {
    HttpClient client = patient_client(apps_[replica]->url());
    while (!is_over()) pay_once(client);
  }
  void pay_once(HttpClient& client) {
    results_.add("POST /invoices/pay", client.post("/invoices/pay", {}, ""));
  }

  void list(std::size_t replica) {
    HttpClient invoices = patient_client(apps_[replica]->url());
    HttpClient payments = patient_client(providers_[replica]->url());
    while (!is_over()) {
      const int confirmed = results_.confirmed;
      const auto result = invoices.get("/invoices");
      results_.add("GET /invoices", result);
      const auto* reply = std::get_if<common::HttpReply>(&result);
      if (reply == nullptr || reply->status != 200) continue;
      const json listed = json::parse(reply->body);
      if (listed.size() < static_cast<std::size_t>(confirmed)) ++results_.stale_lists;
      results_.add("GET /payments", payments.get("/payments"));
    }
  }

  // The lines of the server's log that are errors, with the statements after them.
  static std::string errors(const std::string& log) {
    constexpr std::size_t kMostBytes = 4000;
    return "\n" + log.substr(log.find("ERROR:"), kMostBytes) + "\n";
  }

  void check_ledger(Report& report) {
    const json listed = get_json(apps_[0]->url(), "/invoices");
    json paid = json::array();
    std::size_t refused = 0;
    for (const json& invoice : listed) {
      if (invoice["IsPaid"] == true) paid.push_back(invoice);
      if (invoice["Currency"] == "USD") ++refused;
    }
    const std::string found = difference(paid, get_json(providers_[0]->url(), "/payments"));
    const std::string counts = std::to_string(paid.size()) + " paid and " +
                               std::to_string(refused) + " refused of " +
                               std::to_string(listed.size());
    report.check(found.empty() && paid.size() + refused == listed.size(), "the ledger",
                 found.empty() ? counts : found, "as the invoices");
  }

  const steady_clock::time_point end_;
  const TemporaryDirectory directory_;
  // Found early, so that a retry cannot hide it.
  PostgresServer server_{{{"deadlock_timeout", "100ms"}}};
  std::vector<Process> providers_;
  std::vector<Process> apps_;
  Results results_;
};

int run(const std::vector<std::string_view>& arguments) {
  int duration = 60;
  if (arguments.size() == 1) {
    const std::string_view text = arguments.front();
    const auto [end, error] = std::from_chars(text.begin(), text.end(), duration);
    if (error != std::errc() || end != text.end() || duration < 1) duration = 0;
  }
  if (arguments.size() > 1 || duration == 0) {
    std::cerr << "usage: soak [SECONDS]\n";
    return 2;
  }
  Report report(false);
  const auto work = [&] { Soak(steady_clock::now() + std::chrono::seconds(duration)).run(report); };
  return report.run("postgresql, for " + std::to_string(duration) + " s", work) ? 0 : 1;
}

}  // namespace
}  // namespace tests

// NOLINTNEXTLINE(bugprone-exception-escape): Report::run() catches them
int main(int argc, char** argv) { return tests::run({argv + 1, argv + argc}); }
