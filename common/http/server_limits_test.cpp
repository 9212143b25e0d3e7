// The server over raw sockets: slow clients and large bodies.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "common/http/server.h"
#include "common/http/server_fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/raw_client.h"

namespace common {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using tests::eventually;
using tests::RawAnswer;
using tests::RawClient;
using HttpServerLimitsTest = HttpServerTest;

// ------------------------------------------------------------------ slow clients

// A server with one short limit, and what a client sends before it stops.
struct SlowClient {
  const char* what;
  milliseconds HttpConnectionLimits::*limit;
  std::string sent;
  int status;  // 0: closed without a response
};

std::vector<SlowClient> slow_clients() {
  return {
      {"nothing", &HttpConnectionLimits::idle_timeout, "", 0},
      {"an empty line", &HttpConnectionLimits::idle_timeout, "\r\n", 0},
      {"a part of the request line", &HttpConnectionLimits::head_timeout, "GET /hel", 0},
      {"a part of a header", &HttpConnectionLimits::head_timeout, "GET / HTTP/1.1\r\nHost:", 0},
      {"no byte of a body", &HttpConnectionLimits::body_timeout,
       request("POST /echo", "Content-Length: 10\r\n"), 408},
      {"a part of a body", &HttpConnectionLimits::body_timeout,
       request("POST /echo", "Content-Length: 10\r\n", "abc"), 408},
      {"a part of a chunk", &HttpConnectionLimits::body_timeout,
       request("POST /echo", "Transfer-Encoding: chunked\r\n", "3\r\na"), 408},
  };
}

TEST_F(HttpServerLimitsTest, ClosesConnectionsThatExceedTheirTime) {
  for (const SlowClient& slow : slow_clients()) {
    options_.limits = kPatientLimits;
    options_.limits.*slow.limit = kShort;
    start();
    const auto begin = steady_clock::now();  // before the server can set a limit
    RawClient client = connect();
    client.send(slow.sent);
    EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).status, slow.status) << slow.what;
    EXPECT_TRUE(client.sees_close()) << slow.what;
    EXPECT_GE(steady_clock::now() - begin, kShort) << slow.what;

    RawClient used = connect();
    EXPECT_TRUE(eventually([&] {  // again if this thread was slower than the limit
      if (used.ask(kHello).status == 200) return true;
      used = connect();
      return false;
    }));
    used.send(slow.sent);
    EXPECT_EQ(used.read_answer().value_or(RawAnswer{}).status, slow.status) << slow.what;
    EXPECT_TRUE(used.sees_close()) << slow.what;
  }
}

TEST_F(HttpServerLimitsTest, BytesThatTrickleInGainNoTime) {
  options_.limits.head_timeout = options_.limits.body_timeout = kShort;
  start();
  for (const std::string& sent : {std::string("GET /hello HTTP/1.1\r\nHost: h\r\nA: "),
                                  request("POST /echo", "Content-Length: 999\r\n")}) {
    RawClient client = connect();
    client.send(sent);
    EXPECT_TRUE(eventually([&] { return !client.send("x") || !client.is_idle(); })) << sent;
    EXPECT_TRUE(client.sees_close());
  }
}

TEST_F(HttpServerLimitsTest, ARequestThatRunsHasNoDeadline) {
  options_.limits = {.idle_timeout = kShort,
                     .head_timeout = kShort,
                     .body_timeout = kShort,
                     .write_stall = kShort};
  start();
  RawClient client = connect();
  client.send(request("GET /wait"));
  ASSERT_TRUE(eventually([&] {
    if (!client.is_idle()) {  // closed: this thread was slower than idle_timeout
      client = connect();
      client.send(request("GET /wait"));
    }
    return waiting_ == 1;
  }));
  EXPECT_TRUE(connect().sees_close());  // idle_timeout has passed
  release();
  EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).body, "waited");
}

TEST_F(HttpServerLimitsTest, ARequestThatWaitsTooLongForAWorkerGets503) {
  options_.workers = 1;
  options_.limits.worker_wait = kShort;
  start();
  RawClient first = connect();
  first.send(request("GET /wait"));
  ASSERT_TRUE(eventually([&] {
    // 503: the worker was slower than the limit.
    if (!first.is_idle() && first.read_answer()) first.send(request("GET /wait"));
    return waiting_ == 1;
  }));
  RawClient second = connect();
  second.send(post("/echo", "abc"));
  ASSERT_TRUE(eventually([this] { return server_->load().queued == 1; }));
  EXPECT_FALSE(second.sees_close(2 * kShort));
  release();
  EXPECT_EQ(first.read_answer().value_or(RawAnswer{}).body, "waited");
  const RawAnswer refused = second.read_answer().value_or(RawAnswer{});
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.header("Retry-After"), "1");
  EXPECT_EQ(refused.header("Content-Type"), "application/problem+json");
  EXPECT_EQ(echoed_, 0);
  EXPECT_TRUE(eventually([&] { return second.ask(kHello).body == "hello"; }));
}

TEST_F(HttpServerLimitsTest, AClientThatDoesNotReadItsResponseIsDisconnected) {
  options_.limits.write_stall = kShort;
  start();
  RawClient client(port(), 4096);
  client.send(request("GET /endless"));
  EXPECT_TRUE(client.read_through("\r\n\r\n"));  // it was accepted
  EXPECT_TRUE(eventually_active(0));
}

TEST_F(HttpServerLimitsTest, ALongResponseMayTakeLongerThanAStall) {
  options_.limits.write_stall = milliseconds(500);
  start();
  RawClient client = connect();
  client.send(request("GET /endless"));
  const auto end = steady_clock::now() + milliseconds(1500);
  EXPECT_FALSE(client.sees_close(milliseconds(1500)));  // reads
  EXPECT_GE(steady_clock::now(), end);
  EXPECT_EQ(active_connections(), 1);
}

// Requests of other clients run on the only worker.
TEST_F(HttpServerLimitsTest, SlowClientsHoldNoWorker) {
  const DescriptorLimit many(4000);
  constexpr int kEach = 200;
  options_.workers = 1;
  start();
  std::vector<std::vector<RawClient>> slow;
  for (const SlowClient& client : slow_clients()) slow.push_back(connect(kEach, client.sent));
  auto& readers = slow.emplace_back();
  for (int i = 0; i < kEach; ++i) {
    readers.emplace_back(port(), 4096);
    readers.back().send(request("GET /endless"));
  }
  ASSERT_TRUE(eventually_active(static_cast<int>(slow.size()) * kEach));
  const auto begin = steady_clock::now();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(serves());
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(20));
  for (auto& clients : slow) {
    for (RawClient& client : clients) client.reset();
  }
  EXPECT_TRUE(eventually_active(0));
}

TEST_F(HttpServerLimitsTest, ABodyWithoutEndIsRefusedAndItsSenderDisconnected) {
  options_.workers = 1;
  start();
  const std::string chunk = "1;" + std::string(500, 'x') + "\r\nx\r\n";
  std::string many;
  for (int i = 0; i < 100; ++i) many += chunk;
  RawClient client = connect();
  client.send(request("POST /echo", "Transfer-Encoding: chunked\r\n"));
  // Sends as fast as it can, so that the server always finds something to read.
  EXPECT_TRUE(eventually([&] {
    for (int i = 0; i < 10; ++i) {
      if (!client.send(many)) return true;
    }
    return false;
  }));
  EXPECT_TRUE(serves());
}

// ------------------------------------------------------------------ large bodies

class HttpServerLargeBodyTest : public HttpServerTest {
 protected:
  const std::string large_ = post("/large", std::string(200'000, 'x'));
};

TEST_F(HttpServerLargeBodyTest, RunOneAtATimeWhileOtherRequestsGoOn) {
  start();
  std::vector<RawClient> clients = connect(3, large_);
  ASSERT_TRUE(eventually_waiting(1));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(serves());
  release();
  for (RawClient& client : clients) {
    EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).body, "waited");
  }
  EXPECT_EQ(max_waiting_, 1);
}

TEST_F(HttpServerLargeBodyTest, SmallBodiesOfTheSameRouteDoNotWaitForThem) {
  start();
  std::vector<RawClient> clients = connect(1, large_);
  ASSERT_TRUE(eventually_waiting(1));
  std::vector<RawClient> small = connect(2, post("/large", "x"));
  EXPECT_TRUE(eventually_waiting(3));
}

TEST_F(HttpServerLargeBodyTest, TheirSumIsLimited) {
  options_.limits.max_buffered_bytes = 300'000;
  start();
  RawClient first = connect();
  first.send(large_);
  ASSERT_TRUE(eventually_waiting(1));
  RawClient second = connect();
  const RawAnswer refused = second.ask(large_);
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.header("Retry-After"), "1");
  EXPECT_EQ(refused.header("Content-Type"), "application/problem+json");
  EXPECT_TRUE(second.sees_close());
  EXPECT_EQ(connect().ask(post("/echo", "small")).body, "small");
  release();
  EXPECT_EQ(first.read_answer().value_or(RawAnswer{}).body, "waited");
  EXPECT_EQ(connect().ask(large_).body, "waited");
}

TEST_F(HttpServerLargeBodyTest, OnesThatAreNotSentToTheirEndCountUntilTheirConnectionEnds) {
  options_.limits.max_buffered_bytes = 300'000;
  start();
  release();
  std::vector<RawClient> partial;
  EXPECT_TRUE(eventually([&] {  // again if the other request was faster
    partial.clear();
    partial = connect(1, large_.substr(0, 190'000));
    return connect().ask(large_).status == 503;
  }));
  partial.front().reset();
  EXPECT_TRUE(eventually([&] { return connect().ask(large_).status == 200; }));
}

}  // namespace
}  // namespace common
