// The server over raw sockets: draining and stopping.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
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

class HttpServerStopTest : public HttpServerTest {
 protected:
  // Returns when the server accepts no more connections.
  std::future<void> begin_stop() {
    auto stopped = std::async(std::launch::async, [this] { server_->stop(); });
    EXPECT_TRUE(eventually([&] { return is_refused(); }));
    return stopped;
  }

  bool is_refused() const {
    try {
      connect();
      return false;
    } catch (const std::system_error&) {
      return true;
    }
  }
};

bool is_ready(const std::future<void>& future, milliseconds patience = tests::kPatience) {
  return future.wait_for(patience) == std::future_status::ready;
}

// ------------------------------------------------------------------ draining

TEST_F(HttpServerStopTest, WhileDrainingResponsesCloseTheirConnection) {
  start();
  RawClient client = connect();
  EXPECT_EQ(client.ask(kHello).header("Connection"), "");
  RawClient waiting = connect();
  waiting.send(request("GET /wait"));
  ASSERT_TRUE(eventually_waiting(1));
  server_->start_draining();
  const RawAnswer answer = client.ask(kHello);
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(answer.header("Connection"), "close");
  EXPECT_TRUE(client.sees_close());
  EXPECT_TRUE(serves());
  release();
  EXPECT_EQ(waiting.read_answer().value_or(RawAnswer{}).header("Connection"), "close");
}

TEST_F(HttpServerStopTest, WhileDrainingIdleConnectionsStayOpen) {
  start();
  RawClient client = connect();
  EXPECT_EQ(client.ask(kHello).status, 200);
  server_->start_draining();
  EXPECT_FALSE(client.sees_close(2 * kStopGrace));
  EXPECT_EQ(client.ask(kHello).body, "hello");
}

// ------------------------------------------------------------------ stopping

TEST_F(HttpServerStopTest, FinishesRequestsInProgress) {
  start();
  RawClient handled = connect();
  RawClient streamed = connect();
  RawClient deferred = connect();
  handled.send(request("GET /wait"));
  streamed.send(request("GET /stream"));
  deferred.send(request("POST /deferred"));
  const HttpRespond respond = deferred_.get_future().get();
  ASSERT_TRUE(eventually_waiting(2));
  RawClient idle = connect();
  const auto stopped = begin_stop();
  EXPECT_TRUE(idle.sees_close());  // after the grace
  EXPECT_FALSE(is_ready(stopped, milliseconds(0)));
  release();
  EXPECT_EQ(handled.read_answer().value_or(RawAnswer{}).body, "waited");
  EXPECT_EQ(streamed.read_answer().value_or(RawAnswer{}).body, "chunk1;chunk2;chunk3;");
  EXPECT_FALSE(is_ready(stopped, milliseconds(0)));
  respond([] { return text("later"); });
  EXPECT_EQ(deferred.read_answer().value_or(RawAnswer{}).body, "later");
  EXPECT_TRUE(handled.sees_close());
  EXPECT_TRUE(streamed.sees_close());
  EXPECT_TRUE(deferred.sees_close());
  EXPECT_TRUE(is_ready(stopped));
}

TEST_F(HttpServerStopTest, FinishesRequestsThatWaitForAWorker) {
  options_.workers = 1;
  start();
  std::vector<RawClient> clients = connect(20, request("GET /wait"));
  ASSERT_TRUE(eventually_active(20));
  const auto stopped = begin_stop();
  release();
  for (RawClient& client : clients) {
    EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).body, "waited");
  }
}

TEST_F(HttpServerStopTest, FinishesABodyThatIsBeingSent) {
  start();
  RawClient client = connect();
  client.send(request("POST /echo", "Expect: 100-continue\r\nContent-Length: 6\r\n"));
  EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).status, 100);
  const auto stopped = begin_stop();
  client.send("abc");
  EXPECT_EQ(client.ask("def").body, "abcdef");
  EXPECT_TRUE(client.sees_close());
}

TEST_F(HttpServerStopTest, ClosesIdleConnectionsAfterTheGrace) {
  start();
  RawClient fresh = connect();
  RawClient used = connect();
  RawClient half_a_head = connect();
  EXPECT_EQ(used.ask(kHello).status, 200);
  half_a_head.send("GET /hello HTTP/1.1\r\n");
  ASSERT_TRUE(eventually_active(3));
  const auto begin = steady_clock::now();
  server_->stop();
  const auto took = steady_clock::now() - begin;
  EXPECT_GE(took, kStopGrace);
  EXPECT_LT(took, std::chrono::seconds(20));  // the limits are 60 s
  EXPECT_TRUE(fresh.sees_close());
  EXPECT_TRUE(used.sees_close());
  EXPECT_TRUE(half_a_head.sees_close());
  EXPECT_EQ(active_connections(), 0);
}

TEST_F(HttpServerStopTest, IdleConnectionsCanSendOneMoreRequestWithinTheGrace) {
  start();
  RawClient client = connect();
  EXPECT_EQ(client.ask(kHello).status, 200);
  const auto begin = steady_clock::now();
  const auto stopped = begin_stop();
  client.send(kHello);
  const bool was_late = steady_clock::now() - begin > kStopGrace - kDeadlineCheck;
  const RawAnswer answer = client.read_answer().value_or(RawAnswer{});
  if (was_late) GTEST_SKIP() << "this machine is too slow";
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(answer.header("Connection"), "close");
  EXPECT_TRUE(client.sees_close());
}

TEST_F(HttpServerStopTest, CutsSlowClientsAfterTheStopTimeout) {
  options_.limits.stop_timeout = 2 * kStopGrace;
  start();
  RawClient reader(port(), 4096);
  reader.send(request("GET /endless"));
  RawClient sender = connect();
  sender.send(request("POST /echo", "Content-Length: 10\r\n", "abc"));
  ASSERT_TRUE(eventually_active(2));
  const auto begin = steady_clock::now();
  server_->stop();
  const auto took = steady_clock::now() - begin;
  EXPECT_GE(took, options_.limits.stop_timeout);
  EXPECT_LT(took, std::chrono::seconds(10));
  EXPECT_TRUE(sender.sees_close());
  EXPECT_TRUE(reader.sees_close());
}

// Its thread uses what the caller destroys next.
TEST_F(HttpServerStopTest, WaitsForHandlersLongerThanTheStopTimeout) {
  options_.limits.stop_timeout = milliseconds(1);
  start();
  RawClient client = connect();
  client.send(request("GET /wait"));
  ASSERT_TRUE(eventually_waiting(1));
  const auto stopped = begin_stop();
  EXPECT_TRUE(client.sees_close());
  EXPECT_FALSE(is_ready(stopped, milliseconds(0)));
  release();
  EXPECT_TRUE(is_ready(stopped));
}

TEST_F(HttpServerStopTest, MayBeCalledAtAnyTimeAndAgain) {
  HttpServer unbound(options_, metrics_);
  unbound.stop();
  HttpServer bound(options_, metrics_);
  bound.bind();
  bound.stop();
  start();
  server_->stop();
  server_->stop();
  EXPECT_TRUE(is_refused());
}

TEST_F(HttpServerStopTest, AnswersWhatWasSentBeforeAlsoIfTheIoThreadIsLate) {
  constexpr int kClients = 300;
  const auto late = [this](const HttpRequest&) {
    ++waiting_;
    eventually([&] { return release_.load(); });
    // All together take much longer than the grace of the stop.
    std::this_thread::sleep_for(milliseconds(3));
    return text("late");
  };
  start([&](HttpRouter& router) { router.get("/late", late, HttpRouter::Access::kGuarded, late); });
  std::vector<RawClient> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(connect());
    EXPECT_EQ(clients.back().ask(kHello).status, 200);
  }
  clients.front().send(request("GET /late"));
  ASSERT_TRUE(eventually_waiting(1));  // on the I/O thread
  // It will look at the deadlines as soon as it has served some of the others.
  const auto check = steady_clock::now() + 2 * kDeadlineCheck;
  ASSERT_TRUE(eventually([&] { return steady_clock::now() > check; }));
  for (RawClient& client : std::span(clients).subspan(1)) client.send(request("GET /late"));
  auto stopped = std::async(std::launch::async, [this] { server_->stop(); });
  EXPECT_FALSE(is_ready(stopped, milliseconds(100)));
  release();
  for (RawClient& client : clients) {
    EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).body, "late");
  }
  EXPECT_TRUE(is_ready(stopped));
}

// On new connections, also those that are not accepted yet, and on kept ones.
TEST_F(HttpServerStopTest, AnswersEveryRequestThatWasSentBefore) {
  constexpr int kClients = 64;
  options_.workers = 2;
  for (int round = 0; round < 10; ++round) {
    start();
    std::vector<RawClient> clients = connect(kClients, kHello);
    for (RawClient& client : clients)
      ASSERT_EQ(client.read_answer().value_or(RawAnswer{}).status, 200);
    for (RawClient& client : clients) ASSERT_TRUE(client.send(kHello));
    for (RawClient& client : connect(kClients, kHello)) clients.push_back(std::move(client));
    server_->stop();
    for (RawClient& client : clients) {
      const RawAnswer answer = client.read_answer().value_or(RawAnswer{});
      ASSERT_EQ(answer.body, "hello");
      EXPECT_TRUE(client.sees_close());
    }
  }
}

// A connection without a request, unless it is refused.
std::unique_ptr<RawClient> connect_idle(int port) {
  try {
    return std::make_unique<RawClient>(port);
  } catch (const std::system_error&) {
    return nullptr;
  }
}

TEST_F(HttpServerStopTest, EndsWhileAClientConnects) {
  for (int round = 0; round < 100 / tests::kSlowdown; ++round) {
    start();
    const auto client = std::async(std::launch::async, connect_idle, port());
    const auto begin = steady_clock::now();
    server_->stop();
    ASSERT_LT(steady_clock::now() - begin, std::chrono::seconds(20)) << "round " << round;
  }
}

// Sends one request after the other until a response closes the connection. Whether each got its
// response. One that follows the last after more than a half of the grace may cross with the close.
bool gets_every_answer(int port, std::atomic<int>& answered) {
  auto sent = steady_clock::now();
  RawClient client(port);
  while (true) {
    const auto sent_before = std::exchange(sent, steady_clock::now());
    client.send(post("/echo", "abc"));
    const bool was_late = steady_clock::now() - sent_before > kStopGrace / 2;
    const RawAnswer answer = client.read_answer().value_or(RawAnswer{});
    if (answer.body != "abc") return was_late;
    ++answered;
    if (answer.header("Connection") == "close") return true;
  }
}

TEST_F(HttpServerStopTest, UnderLoadEveryRequestIsAnswered) {
  constexpr int kClients = 6;
  options_.workers = 2;
  std::atomic<int> answered = 0;
  for (int round = 0; round < 10; ++round) {
    start();
    const int before = answered;
    std::vector<std::future<bool>> clients;
    for (int i = 0; i < kClients; ++i) {
      clients.push_back(std::async(
          std::launch::async, [&, port = port()] { return gets_every_answer(port, answered); }));
    }
    EXPECT_TRUE(
        eventually([&] { return active_connections() == kClients && answered > before + 100; }));
    server_->stop();
    for (auto& client : clients) EXPECT_TRUE(client.get());
  }
  EXPECT_EQ(answered, echoed_);
}

}  // namespace
}  // namespace common
