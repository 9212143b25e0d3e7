// How fast invoices are paid, measured in three ways in each round:
// - one pair: both services as processes with databases on disk, N unpaid invoices, and one
//   POST /invoices/pay;
// - a bare loop, to know the speed of the machine: N POSTs to an empty handler, with cpp-httplib on
//   both sides and as many connections; nothing is parsed or stored;
// - three pairs that share the two databases; each gets one call, concurrently.
//
//   bench_pay [INVOICES [ROUNDS]]
//
// Fails if an invoice is not paid exactly once, or three pairs are less than half as fast as one.

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

// Pairs of an invoice-app and a payment-provider that share two databases.
class Pairs {
 public:
  explicit Pairs(int count) {
    for (int i = 0; i < count; ++i) {
      providers_.push_back(start(PAYMENT_PROVIDER_BINARY, "payments", {}));
      invoice_apps_.push_back(start(INVOICE_APP_BINARY, "invoices",
                                    {{"PAYMENT_PROVIDER_URL", providers_.back()->url()},
                                     {"SEED_INVOICES", "false"},
                                     {"PAY_WAIT_SECONDS", "300"}}));
    }
  }

  void add(int count) { tests::add_invoices(invoice_apps_.front()->url(), "B", count); }

  // Calls all invoice-apps concurrently, and waits for all responses.
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

  Process start(const char* binary, const std::string& name, tests::Variables variables) {
    variables["DATABASE_URL"] = "sqlite:" + (directory_ / (name + ".db")).string();
    auto process = std::make_unique<tests::ServiceProcess>(binary, std::move(variables),
                                                           directory_ / (name + ".log"));
    process->await_ready();
    return process;
  }

  const tests::TemporaryDirectory directory_;
  std::vector<Process> providers_;
  std::vector<Process> invoice_apps_;
};

double payments_per_second(int count, int pair_count) {
  Pairs pairs(pair_count);
  pairs.add(count);
  const double seconds = seconds_of([&] { pairs.pay(); });
  pairs.check_ledger();
  return count / seconds;
}

void run(int count, int rounds) {
  constexpr int kPairs = 3;
  double sum_of_one = 0;
  double sum_of_three = 0;
  for (int round = 1; round <= rounds; ++round) {
    const double bare = bare_posts_per_second(count);
    const double one = payments_per_second(count, 1);
    const double three = payments_per_second(count, kPairs);
    sum_of_one += one;
    sum_of_three += three;
    std::cout << "round " << round << ": " << count
              << " invoices paid, each once in the ledger: " << static_cast<int>(one)
              << "/s; bare loop: " << static_cast<int>(bare) << "/s; ratio "
              << static_cast<int>(100 * one / bare)
              << " %; with three pairs: " << static_cast<int>(three) << "/s" << std::endl;
  }
  const int ratio = static_cast<int>(100 * sum_of_three / sum_of_one);
  std::cout << "three pairs are " << ratio << " % as fast as one" << std::endl;
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
