// How fast invoices are paid: both services as processes of their own with databases on disk, N
// unpaid invoices, one POST /invoices/pay. Beside it, as the yardstick of this machine at this
// moment, a bare loop: N POSTs to an empty handler, with cpp-httplib on both sides and as many
// connections, nothing parsed and nothing durable.
//
//   bench_pay [INVOICES [ROUNDS]]

#include <httplib.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/api.h"
#include "tests/support/service_process.h"

namespace {

using Seconds = std::chrono::duration<double>;
using std::chrono::steady_clock;

constexpr int kConnections = 32;  // invoice-app's default

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

double payments_per_second(int count) {
  const tests::TemporaryDirectory directory;
  tests::ServiceProcess provider(
      PAYMENT_PROVIDER_BINARY, {{"DATABASE_URL", "sqlite:" + (directory / "payments.db").string()}},
      directory / "payment-provider.log");
  provider.await_ready();
  tests::ServiceProcess invoice_app(
      INVOICE_APP_BINARY,
      {{"DATABASE_URL", "sqlite:" + (directory / "invoices.db").string()},
       {"PAYMENT_PROVIDER_URL", provider.url()},
       {"SEED_INVOICES", "false"},
       {"PAY_WAIT_SECONDS", "300"}},
      directory / "invoice-app.log");
  invoice_app.await_ready();

  tests::add_invoices(invoice_app.url(), "B", count);
  common::HttpClient client = tests::patient_client(invoice_app.url());
  const double seconds = seconds_of([&] {
    const auto reply = tests::expect_status(client.post("/invoices/pay", {}, ""), 200);
    check(nlohmann::json::parse(reply.body)["Paid"] == count, "not all were paid: " + reply.body);
  });
  const std::string difference = tests::difference(tests::get_json(invoice_app.url(), "/invoices"),
                                                   tests::get_json(provider.url(), "/payments"));
  check(difference.empty(), difference);
  return count / seconds;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const int count = argc > 1 ? std::atoi(argv[1]) : 10'000;
    const int rounds = argc > 2 ? std::atoi(argv[2]) : 3;
    check(count >= kConnections && rounds > 0, "usage: bench_pay [INVOICES [ROUNDS]]");
    for (int round = 1; round <= rounds; ++round) {
      const double bare = bare_posts_per_second(count);
      const double paid = payments_per_second(count);
      std::cout << "round " << round << ": " << count
                << " invoices paid, each once in the ledger: " << static_cast<int>(paid)
                << "/s; bare loop: " << static_cast<int>(bare) << "/s; ratio "
                << static_cast<int>(100 * paid / bare) << " %" << std::endl;
    }
  } catch (const std::exception& error) {
    std::cerr << "bench_pay: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
