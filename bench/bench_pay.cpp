// How fast invoices are paid: both services as processes of their own with databases on disk, N
// unpaid invoices, one POST /invoices/pay. Beside it, as the yardstick of this machine at this
// moment, a bare loop: N POSTs to an empty handler, with cpp-httplib on both sides and as many
// connections, nothing parsed and nothing durable.
//
//   bench_pay [INVOICES [ROUNDS]]

#include <httplib.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "common/http_client.h"
#include "tests/support/service_process.h"

namespace {

using Seconds = std::chrono::duration<double>;
using std::chrono::steady_clock;

constexpr int kConnections = 16;  // invoice-app's default

template <typename Work>
double seconds_of(Work work) {
  const auto start = steady_clock::now();
  work();
  return Seconds(steady_clock::now() - start).count();
}

void check(bool condition, const std::string& what) {
  if (condition) return;
  std::cerr << "bench_pay: " << what << '\n';
  std::exit(1);
}

common::HttpReply expect(const common::HttpResult& result, int status) {
  if (const auto* failure = std::get_if<common::HttpFailure>(&result)) {
    check(false, failure->message);
  }
  const auto* reply = std::get_if<common::HttpReply>(&result);
  check(reply->status == status, "HTTP " + std::to_string(reply->status) + ": " + reply->body);
  return *reply;
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

  const double seconds = seconds_of([&] {
    std::vector<std::thread> clients;
    for (int i = 0; i < kConnections; ++i) {
      clients.emplace_back([&] {
        httplib::Client client("127.0.0.1", port);
        client.set_keep_alive(true);
        client.set_tcp_nodelay(true);
        for (int j = 0; j < count / kConnections; ++j) {
          const auto result = client.Post("/", "{}", "application/json");
          check(result && result->status == 200, "the bare loop failed");
        }
      });
    }
    for (std::thread& client : clients) client.join();
  });
  server.stop();
  listener.join();
  return count / seconds;
}

void add_invoices(common::HttpClient& client, int count) {
  constexpr int kPerRequest = 5000;
  for (int added = 0; added < count;) {
    nlohmann::json invoices = nlohmann::json::array();
    for (int i = 0; i < std::min(kPerRequest, count - added); ++i) {
      invoices.push_back(
          {{"InvoiceId", "B" + std::to_string(added + i)}, {"Value", 1 + i}, {"Currency", "EUR"}});
    }
    expect(client.post("/invoices", {}, invoices.dump()), 201);
    added += static_cast<int>(invoices.size());
  }
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

  constexpr std::size_t kNoLimit = 1U << 30U;
  common::HttpClient client({.base_url = invoice_app.url(),
                             .call_timeout = std::chrono::seconds(310),
                             .max_response_bytes = kNoLimit});
  add_invoices(client, count);
  const double seconds = seconds_of([&] {
    const auto paid = nlohmann::json::parse(expect(client.post("/invoices/pay", {}, ""), 200).body);
    check(paid["Paid"] == count, "not all were paid: " + paid.dump());
  });
  common::HttpClient ledger({.base_url = provider.url(),
                             .call_timeout = std::chrono::seconds(60),
                             .max_response_bytes = kNoLimit});
  const auto payments = nlohmann::json::parse(expect(ledger.get("/payments"), 200).body);
  check(payments.size() == static_cast<std::size_t>(count),
        "the ledger has " + std::to_string(payments.size()) + " payments");
  return count / seconds;
}

}  // namespace

int main(int argc, char** argv) {
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
}
