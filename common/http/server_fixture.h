// What the tests of the server have in common: a server with routes for tests, and its clients.

#ifndef COMMON_HTTP_SERVER_FIXTURE_H_
#define COMMON_HTTP_SERVER_FIXTURE_H_

#include <gtest/gtest.h>
#include <prometheus/registry.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/http/server.h"
#include "common/log/log.h"
#include "tests/support/eventually.h"
#include "tests/support/raw_client.h"

namespace common {

inline constexpr std::size_t kMaxEcho = 1000;
inline constexpr std::size_t kLongBytes = 1'000'000;  // of the response of GET /long

// Limits that are reached on no machine, however slow. A test lowers the one that it is about.
inline constexpr HttpConnectionLimits kPatientLimits{.idle_timeout = std::chrono::seconds(60),
                                                     .head_timeout = std::chrono::seconds(60),
                                                     .body_timeout = std::chrono::seconds(60),
                                                     .write_stall = std::chrono::seconds(60),
                                                     .worker_wait = std::chrono::seconds(60),
                                                     .stop_timeout = std::chrono::seconds(60)};

// A limit that the test waits for.
inline constexpr std::chrono::milliseconds kShort{150};

inline std::string request(const std::string& line, const std::string& headers = "",
                           const std::string& body = "") {
  return line + " HTTP/1.1\r\nHost: test\r\n" + headers + "\r\n" + body;
}

inline std::string post(const std::string& path, const std::string& body) {
  return request("POST " + path, "Content-Length: " + std::to_string(body.size()) + "\r\n", body);
}

inline const std::string kHello = request("GET /hello");

class HttpServerTest : public testing::Test {
 protected:
  void TearDown() override { release(); }

  // With the options of this test, and more routes.
  void start(const std::function<void(HttpRouter&)>& add_routes = [](HttpRouter&) {}) {
    server_ = std::make_unique<HttpServer>(options_, metrics_);
    add_plain_routes(server_->router());
    add_waiting_routes(server_->router());
    add_routes(server_->router());
    server_->bind();
    server_->start();
  }

  int port() const { return server_->port(); }
  tests::RawClient connect() const { return tests::RawClient(port()); }
  std::vector<tests::RawClient> connect(int count, const std::string& sent) const {
    std::vector<tests::RawClient> clients;
    for (int i = 0; i < count; ++i) {
      clients.push_back(connect());
      clients.back().send(sent);
    }
    return clients;
  }

  // Whether another client gets its response.
  bool serves() const { return connect().ask(kHello).body == "hello"; }

  // Ends the wait of all handlers.
  void release() { release_ = true; }
  bool eventually_waiting(int count) const {
    return tests::eventually([&] { return waiting_ == count; });
  }

  double active_connections() { return metrics_.connections_active("public").Value(); }
  bool eventually_active(int count) {
    return tests::eventually([&] { return active_connections() == count; });
  }

  static HttpResponse text(std::string body) {
    return {.content_type = "text/plain", .body = std::move(body)};
  }

  HttpServerOptions options_ = {.host = "127.0.0.1", .workers = 4, .limits = kPatientLimits};
  std::atomic<bool> release_ = false;  // handlers stop waiting
  std::atomic<int> waiting_ = 0;       // handlers that wait for release()
  std::atomic<int> max_waiting_ = 0;   // at one time
  std::atomic<int> echoed_ = 0;
  std::promise<HttpRespond> deferred_;  // of GET /deferred; one request per test
  prometheus::Registry registry_;
  HttpMetrics metrics_{registry_};
  std::unique_ptr<HttpServer> server_;  // last: ends before what its handlers use

 private:
  void add_plain_routes(HttpRouter& router) {
    router.get("/hello", [](const HttpRequest&) { return text("hello"); });
    router.get("/long", [](const HttpRequest&) { return text(std::string(kLongBytes, 'x')); });
    // One body for all responses, from the I/O thread; and one for each, from a worker.
    const auto share = [body = std::make_shared<const std::string>(kLongBytes, 'x')](
                           const HttpRequest&) { return HttpResponse{.shared_body = body}; };
    router.get("/shared", share, HttpRouter::Access::kGuarded, share);
    router.get("/own", [](const HttpRequest&) {
      return HttpResponse{.shared_body = std::make_shared<const std::string>(kLongBytes, 'x')};
    });
    router.get("/id", [](const HttpRequest& r) { return text(r.context.request_id); });
    router.get("/trace", [](const HttpRequest& r) {
      const TraceContext& trace = r.context.trace;
      return text(trace.traceparent + ' ' + trace.parent_span_id + ' ' + trace.tracestate);
    });
    router.get("/header", [](const HttpRequest& r) {
      std::string joined;
      for (const auto value : r.header_values("X-Test")) joined += "[" + std::string(value) + "]";
      return text(joined);
    });
    router.get("/endless", [](const HttpRequest&) {
      HttpResponse response = text("");
      response.next_chunk = [] { return std::optional(std::string(64 * 1024, 'x')); };
      return response;
    });
    router.post("/echo", {.max_bytes = kMaxEcho}, [this](const HttpRequest& r) {
      ++echoed_;
      return text(r.body);
    });
    router.post("/json", {.json_required = true},
                [](const HttpRequest& r) { return text(r.body); });
  }

  void add_waiting_routes(HttpRouter& router) {
    router.get("/wait", [this](const HttpRequest&) { return text(wait()); });
    router.get("/stream", [this](const HttpRequest&) { return stream(); });
    router.post("/large", {.max_bytes = kMaxInvoicesBodyBytes},
                [this](const HttpRequest&) { return text(wait()); });
    router.post_deferred("/deferred", {}, [this](const HttpRequest&, const HttpRespond& respond) {
      deferred_.set_value(respond);
    });
  }

  std::string wait() {
    const int now = ++waiting_;
    max_waiting_ = std::max(max_waiting_.load(), now);
    const bool released = tests::eventually([&] { return release_.load(); });
    --waiting_;
    return released ? "waited" : "gave up";
  }

  // Three chunks; the second one waits for release().
  HttpResponse stream() {
    HttpResponse response = text("");
    response.next_chunk = [this, chunk = 0]() mutable -> std::optional<std::string> {
      if (++chunk == 2) wait();
      return chunk <= 3 ? std::optional("chunk" + std::to_string(chunk) + ";") : std::nullopt;
    };
    return response;
  }
};

// The soft limit of descriptors while this lives.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t limit) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    set({.rlim_cur = std::min(limit, before_.rlim_max), .rlim_max = before_.rlim_max});
  }
  ~DescriptorLimit() { set(before_); }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;

 private:
  static void set(const rlimit& limit) { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0); }
  rlimit before_{};
};

// What `action` logs.
template <typename Action>
std::string log_of(Action action) {
  testing::internal::CaptureStdout();
  init_logging("http-test", LogLevel::kInfo, LogFormat::kJson);
  action();
  stop_logging(EXIT_FAILURE);  // the exit status if it takes too long
  return testing::internal::GetCapturedStdout();
}

// What was logged so far, within the action of log_of().
inline std::string logged() {
  std::ifstream log("/proc/self/fd/1");
  return {std::istreambuf_iterator<char>(log), {}};
}

// A number of /proc/self/status, e.g. "Threads".
inline long process_status(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return std::stol(line.substr(name.size() + 1));
  }
  throw std::runtime_error("no " + name);
}

}  // namespace common

#endif  // COMMON_HTTP_SERVER_FIXTURE_H_
