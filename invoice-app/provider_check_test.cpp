#include "invoice-app/provider_check.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/fake_provider.h"
#include "tests/support/reserved_port.h"
#include "tests/support/router_client.h"
#include "tests/support/sockets.h"

namespace invoice_app {
namespace {

using namespace std::chrono_literals;
using tests::FakeProvider;
using tests::http_answer;

constexpr const char* kReachable = "{\"Status\":\"reachable\"}\n";
constexpr auto kLongInterval = 1h;
constexpr auto kNoInterval = 0ms;

std::string not_found(const FakeProvider::Request&) {
  return http_answer("404 Not Found", "application/problem+json", "{}");
}

// The router with GET /provider.
class Checked {
 public:
  explicit Checked(const std::string& url, std::chrono::milliseconds interval = kNoInterval,
                   const std::optional<std::string>& token = {},
                   std::chrono::milliseconds timeout = 5s)
      : check_({.base_url = url}, token, timeout, interval) {
    check_.add_to(client_.router());
  }

  common::HttpResponse response() { return client_.get("/provider"); }
  std::string get() { return response().body; }

  // Returns as soon as a worker would be free again.
  std::future<std::string> begin() {
    const auto body = std::make_shared<std::promise<std::string>>();
    common::HttpRequest request{.method = "GET", .path = "/provider"};
    common::HttpRouter::answer(*client_.router().match(request, false).route, request,
                               [body](const auto& response) { body->set_value(response.body); });
    return body->get_future();
  }

 private:
  tests::RouterClient client_;
  ProviderCheck check_;
};

std::string unreachable(const std::string& detail) {
  return R"({"Status":"unreachable","Detail":")" + detail + "\"}\n";
}

TEST(ProviderCheck, SaysWhatTheResponseMeans) {
  const std::vector<std::pair<int, ProviderProblem>> table = {
      {200, std::nullopt}, {404, std::nullopt}, {401, "HTTP 401: the token is not the provider's"},
      {302, "HTTP 302"},   {503, "HTTP 503"},
  };
  for (const auto& [status, problem] : table) {
    const common::HttpReply reply{.status = status, .headers = {}, .body = {}};
    EXPECT_EQ(interpret_provider_check(reply), problem) << status;
  }
}

TEST(ProviderCheck, FindsAProviderThatResponds) {
  FakeProvider provider(not_found);
  Checked checked(provider.url(), kNoInterval, "secret");
  EXPECT_EQ(checked.get(), kReachable);
  EXPECT_EQ(tests::header(checked.response(), "Cache-Control"), "no-store");
  const std::string head = provider.requests().front().head;
  EXPECT_TRUE(head.starts_with("GET /payments/- ")) << head;
  EXPECT_NE(head.find("Authorization: Bearer secret"), std::string::npos) << head;
  // A kept one would say nothing of whether others can connect.
  EXPECT_NE(head.find("Connection: close"), std::string::npos) << head;
}

TEST(ProviderCheck, NamesNoAddressIfItCannotConnect) {
  const tests::ReservedPort port;
  Checked checked(port.url());
  EXPECT_EQ(checked.get(), unreachable("can't connect"));
}

TEST(ProviderCheck, FindsThatTheProviderFailsAndIsBack) {
  FakeProvider provider([](const auto&) { return http_answer("503 Busy", "text/plain", ""); });
  Checked checked(provider.url());
  EXPECT_EQ(checked.get(), unreachable("HTTP 503"));
  provider.set_answer([](const auto&) { return "garbage\r\n\r\n"; });
  EXPECT_NE(checked.get().find("no complete answer"), std::string::npos);
  provider.set_answer(not_found);
  EXPECT_EQ(checked.get(), kReachable);
}

TEST(ProviderCheck, GivesUpAProviderThatHangs) {
  const tests::Listener silent("127.0.0.1");
  Checked checked(silent.url(), kNoInterval, {}, 50ms);
  EXPECT_EQ(checked.get(), unreachable("no complete answer: timed out"));
}

TEST(ProviderCheck, ChecksOnceForAllRequestsOfAnInterval) {
  FakeProvider provider(not_found);
  Checked checked(provider.url(), kLongInterval);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(checked.get(), kReachable);
  EXPECT_EQ(provider.requests().size(), 1U);
}

TEST(ProviderCheck, RequestsDuringACheckWaitForItWithoutAWorker) {
  std::promise<void> released;
  const std::shared_future<void> release = released.get_future().share();
  FakeProvider provider([release](const auto& request) {
    release.wait();
    return not_found(request);
  });
  Checked checked(provider.url(), kLongInterval);
  std::vector<std::future<std::string>> responses(10);
  for (auto& response : responses) response = checked.begin();
  EXPECT_TRUE(tests::eventually([&] { return !provider.requests().empty(); }));
  for (const auto& response : responses) {
    EXPECT_EQ(response.wait_for(0s), std::future_status::timeout);
  }
  released.set_value();
  for (auto& response : responses) EXPECT_EQ(response.get(), kReachable);
  EXPECT_EQ(provider.requests().size(), 1U);
}

TEST(ProviderCheck, RespondsToAllRequestsBeforeItEnds) {
  FakeProvider provider(not_found);
  std::future<std::string> response;
  {
    Checked checked(provider.url());
    response = checked.begin();
  }
  EXPECT_EQ(response.get(), kReachable);
}

}  // namespace
}  // namespace invoice_app
