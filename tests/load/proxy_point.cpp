#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <system_error>

#include "tests/load/delaying_relay.h"
#include "tests/load/nginx.h"
#include "tests/load/points.h"
#include "tests/load/services.h"
#include "tests/support/eventually.h"
#include "tests/support/raw_client.h"
#include "tests/support/reserved_port.h"

namespace tests {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// After each of these, a service or nginx might close a connection that it keeps: the idle timeout
// of a server with a thread per connection (2 s, and a grace of 50 ms), the deadlines of heads,
// bodies and responses, and nginx's own keepalive_timeout.
constexpr std::array<milliseconds, 5> kPauses = {milliseconds(2'050), milliseconds(5'000),
                                                 milliseconds(10'000), milliseconds(20'000),
                                                 milliseconds(60'000)};
constexpr int kClients = 32;  // for each pause
constexpr seconds kDuration{62};

std::string host_of(milliseconds pause, int client) {
  return "pause-" + std::to_string(pause.count()) + "-" + std::to_string(client);
}

// For each client an upstream of its own: nginx takes the connection that it used last, so other
// clients would keep the connection from being idle for the whole pause.
std::string configuration(int nginx_port, int upstream_port) {
  std::ostringstream text;
  text << "server_names_hash_max_size 4096;\n";
  for (const milliseconds pause : kPauses) {
    for (int client = 0; client < kClients; ++client) {
      const std::string host = host_of(pause, client);
      text << "upstream " << host << " { server 127.0.0.1:" << upstream_port
           << "; keepalive 64; }\nserver { listen 127.0.0.1:" << nginx_port << "; server_name "
           << host << "; location / { proxy_pass http://" << host
           << "; proxy_http_version 1.1; proxy_set_header Connection \"\"; } }\n";
    }
  }
  return text.str();
}

bool listens(int port) {
  try {
    const RawClient client(port);
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

// Within 4 ms of the given pause.
std::function<microseconds()> around(milliseconds pause,
                                     const std::shared_ptr<std::mt19937>& random) {
  return [pause, random] {
    std::uniform_int_distribution<int> difference(-4000, 4000);
    return pause + microseconds(difference(*random));
  };
}

// POST /invoices/pay, which nginx does not send again by itself, and sometimes a GET.
std::function<std::string()> payments_and_lists(const std::string& host) {
  return [host, number = std::make_shared<int>(0)] {
    if (++*number % 4 == 0) return http_request("GET", "/invoices", "", host);
    return http_request("POST", "/invoices/pay", "", host);
  };
}

}  // namespace

void proxy(const Settings& settings, Report& report) {
  RunningService provider(settings.binaries, kPaymentProvider);
  RunningService invoice_app(settings.binaries, kInvoiceApp,
                             {{"PAYMENT_PROVIDER_URL", provider.process().url()}});
  const DelayingRelay relay(invoice_app.port(), milliseconds(5));
  const ReservedPort port;
  const Nginx nginx(configuration(port.number(), relay.port()));
  if (!eventually([&] { return listens(port.number()); }, seconds(5))) {
    throw std::runtime_error("nginx does not start: " + nginx.errors());
  }

  std::array<Measurement, kPauses.size()> measurements;
  HttpLoad load;
  const auto random = std::make_shared<std::mt19937>(1);
  for (std::size_t i = 0; i < kPauses.size(); ++i) {
    for (int client = 0; client < kClients; ++client) {
      load.add(1, {.port = port.number(),
                   .request = payments_and_lists(host_of(kPauses.at(i), client)),
                   .measurement = &measurements.at(i),
                   .pause = around(kPauses.at(i), random)});
    }
  }
  load.run_for(kDuration);
  load.finish();
  for (std::size_t i = 0; i < kPauses.size(); ++i) {
    report.check_failures(
        "nginx in front, pauses of " + std::to_string(kPauses.at(i).count()) + " ms",
        measurements.at(i));
  }
}

}  // namespace tests
