// How fast invoices are paid: both services as processes of their own with databases on disk, N
// unpaid invoices, one POST /invoices/pay. Beside it, as the yardstick of this machine at this
// moment, a bare loop: N POSTs to an empty handler, with cpp-httplib on both sides and as many
// connections, nothing parsed and nothing durable. And the same payments by three replicas of each
// service on the same two databases, each called once, all at one time.
//
//   bench_pay [INVOICES [ROUNDS]]
//
// Fails when an invoice isn't paid exactly once, or the replicas are less than half as fast as one
// of each.

#include <httplib.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "tests/support/api.h"
#include "tests/support/service_process.h"

namespace {

using Seconds = std::chrono::duration<double>;
using std::chrono::steady_clock;

constexpr int kConnections = 128;  // invoice-app's default

template <typename Work>
double seconds_of(Work work) {
  const auto start = steady_clock::now();
  work();
  return Seconds(steady_clock::now() - start).count();
}

void check(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

double bare_posts_per_second(int count) {
  httplib::Server server;
  server.new_task_queue = [] { return new httplib::ThreadPool(kConnections); };
  server.set_keep_alive_max_count(static_cast<std::size_t>(count));
  server.set_tcp_nodelay(true);
  server.Post("/", [](const httplib::Request&, httplib::Response&) {});
  int listening = -1;
  server.set_socket_options([&](int socket) { listening = socket; });
  const int port = server.bind_to_any_port("127.0.0.1");
  check(::listen(listening, 2 * kConnections) == 0, "listen");  // the library's 5 are too few
  std::thread listener([&] { server.listen_after_bind(); });

  std::atomic<int> started = 0;
  std::atomic<int> answered = 0;
  const double seconds = seconds_of([&] {
    std::vector<std::thread> clients;
    clients.reserve(kConnections);
    for (int i = 0; i < kConnections; ++i) {
      clients.emplace_back([&] {
        httplib::Client client("127.0.0.1", port);
        client.set_keep_alive(true);
        client.set_tcp_nodelay(true);
        while (started++ < count) {
          const auto result = client.Post("/", "{}", "application/json");
          if (result && result->status == 200) ++answered;
        }
      });
    }
    for (std::thread& client : clients) client.join();
  });
  server.stop();
  listener.join();
  check(answered == count, "the bare loop failed");
  return count / seconds;
}

// The services, and the databases that their replicas share.
class Cluster {
 public:
  explicit Cluster(int replicas) {
    for (int i = 0; i < replicas; ++i) {
      providers_.push_back(start(PAYMENT_PROVIDER_BINARY, "payments", {}));
      invoice_apps_.push_back(start(INVOICE_APP_BINARY, "invoices",
                                    {{"PAYMENT_PROVIDER_URL", providers_.back()->url()},
                                     {"SEED_INVOICES", "false"},
                                     {"PAY_WAIT_SECONDS", "300"}}));
    }
  }

  void add(int count) { tests::add_invoices(invoice_apps_.front()->url(), "B", count); }

  // Asks each replica at the same time, and waits for all of the answers.
  void pay() {
    std::atomic<int> paid = 0;
    std::vector<std::thread> callers;
    callers.reserve(invoice_apps_.size());
    for (const auto& app : invoice_apps_) {
      callers.emplace_back([&paid, url = app->url()] {
        const auto result = tests::patient_client(url).post("/invoices/pay", {}, "");
        const auto* reply = std::get_if<common::HttpReply>(&result);
        if (reply != nullptr && reply->status == 200) ++paid;
      });
    }
    for (std::thread& caller : callers) caller.join();
    check(paid == static_cast<int>(invoice_apps_.size()), "a call to pay failed");
  }

  void check_ledger() const {
    const std::string difference =
        tests::difference(tests::get_json(invoice_apps_.back()->url(), "/invoices"),
                          tests::get_json(providers_.back()->url(), "/payments"));
    check(difference.empty(), difference);
  }

 private:
  using Process = std::unique_ptr<tests::ServiceProcess>;

  Process start(const char* binary, const std::string& name, tests::Environment environment) {
    environment["DATABASE_URL"] = "sqlite:" + (directory_ / (name + ".db")).string();
    auto process = std::make_unique<tests::ServiceProcess>(binary, std::move(environment),
                                                           directory_ / (name + ".log"));
    process->await_ready();
    return process;
  }

  const tests::TemporaryDirectory directory_;
  std::vector<Process> providers_;
  std::vector<Process> invoice_apps_;
};

double payments_per_second(int count, int replicas) {
  Cluster cluster(replicas);
  cluster.add(count);
  const double seconds = seconds_of([&] { cluster.pay(); });
  cluster.check_ledger();
  return count / seconds;
}

void run(int count, int rounds) {
  constexpr int kReplicas = 3;
  double sum_of_one = 0;
  double sum_of_replicas = 0;
  for (int round = 1; round <= rounds; ++round) {
    const double bare = bare_posts_per_second(count);
    const double one = payments_per_second(count, 1);
    const double replicas = payments_per_second(count, kReplicas);
    sum_of_one += one;
    sum_of_replicas += replicas;
    std::cout << "round " << round << ": " << count
              << " invoices paid, each once in the ledger: " << static_cast<int>(one)
              << "/s; bare loop: " << static_cast<int>(bare) << "/s; ratio "
              << static_cast<int>(100 * one / bare)
              << " %; with three replicas of each: " << static_cast<int>(replicas) << "/s"
              << std::endl;
  }
  const int ratio = static_cast<int>(100 * sum_of_replicas / sum_of_one);
  std::cout << "three replicas of each are " << ratio << " % as fast as one of each" << std::endl;
  check(ratio >= 50, "that is too slow");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const int count = argc > 1 ? static_cast<int>(std::strtol(argv[1], nullptr, 10)) : 30'000;
    const int rounds = argc > 2 ? static_cast<int>(std::strtol(argv[2], nullptr, 10)) : 3;
    check(count >= kConnections && rounds > 0, "usage: bench_pay [INVOICES [ROUNDS]]");
    run(count, rounds);
  } catch (const std::exception& error) {
    std::cerr << "bench_pay: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
