// The server over raw sockets: many clients, the cap on connections, and missing descriptors.

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "common/base/file_descriptor.h"
#include "common/http/server.h"
#include "common/http/server_fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/raw_client.h"

namespace common {
namespace {

using std::chrono::steady_clock;
using tests::eventually;
using tests::RawAnswer;
using tests::RawClient;
using HttpServerCapacityTest = HttpServerTest;

// ------------------------------------------------------------------ many clients

TEST_F(HttpServerCapacityTest, RequestsWaitForAWorkerAndAnotherListenerAnswers) {
  options_.workers = 2;
  start();
  HttpServer admin({.name = "admin", .host = "127.0.0.1", .workers = 1}, metrics_);
  admin.router().get("/livez", [](const HttpRequest&) { return text("alive"); });
  admin.bind();
  admin.start();
  std::vector<RawClient> clients = connect(20, request("GET /wait"));
  ASSERT_TRUE(eventually_waiting(2));
  ASSERT_TRUE(eventually_active(20));
  EXPECT_EQ(RawClient(admin.port()).ask(request("GET /livez")).body, "alive");
  for (RawClient& client : clients) EXPECT_TRUE(client.is_idle());
  release();
  for (RawClient& client : clients) {
    EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).body, "waited");
  }
  EXPECT_LE(max_waiting_, 2);
}

TEST_F(HttpServerCapacityTest, AConnectionCostsNoThread) {
  start();
  const long threads = process_status("Threads");
  std::vector<RawClient> clients = connect(200, kHello);
  for (RawClient& client : clients) EXPECT_TRUE(client.read_answer());
  EXPECT_EQ(active_connections(), 200);
  EXPECT_EQ(process_status("Threads"), threads);
}

TEST_F(HttpServerCapacityTest, AnIdleConnectionCostsLittleMemory) {
  if (tests::kSlowdown > 1) GTEST_SKIP() << "sanitizers use more memory";
  const DescriptorLimit many(5000);
  start();
  constexpr int kClients = 2000;
  const std::string large =
      request("POST /large", "Content-Length: 16384\r\nA: " + std::string(16'384, 'x') + "\r\n");
  release();
  std::vector<RawClient> clients = connect(10, large + std::string(16'384, 'x'));
  for (RawClient& client : clients) EXPECT_TRUE(client.read_answer());
  const long before = process_status("VmRSS");
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(connect());
    clients.back().send(large);
    clients.back().send(std::string(16'384, 'x'));
    ASSERT_TRUE(clients.back().read_answer());
  }
  EXPECT_LT((process_status("VmRSS") - before) * 1024 / kClients, 12'000);
}

TEST_F(HttpServerCapacityTest, AtTheCapTheLongestWithoutARequestIsReplaced) {
  constexpr std::size_t kCap = 10;
  options_.max_connections = kCap;
  start();
  std::vector<RawClient> clients;
  for (std::size_t i = 0; i < kCap; ++i) {
    clients.push_back(connect());
    EXPECT_EQ(clients.back().ask(kHello).body, "hello");
  }
  EXPECT_EQ(clients[0].ask(kHello).body, "hello");  // so the second one is first
  clients[2].send(kHello.substr(0, 10));            // so idle ones are replaced before it
  EXPECT_EQ(clients[9].ask(kHello).body, "hello");  // the server has read it
  for (const std::size_t replaced : {1U, 3U, 4U}) {
    clients.push_back(connect());
    EXPECT_EQ(clients.back().ask(kHello).body, "hello");
    EXPECT_TRUE(clients[replaced].sees_close()) << replaced;
  }
  EXPECT_EQ(clients[2].ask(kHello.substr(10)).body, "hello");
  for (const std::size_t kept : {0U, 5U, 9U, 10U, 12U}) {
    EXPECT_EQ(clients[kept].ask(kHello).body, "hello") << kept;
  }
  EXPECT_EQ(active_connections(), kCap);
}

TEST_F(HttpServerCapacityTest, AtTheCapActiveConnectionsAreKept) {
  constexpr int kCap = 8;
  options_.max_connections = kCap;
  start();
  std::vector<RawClient> active = connect(kCap, request("GET /wait"));  // some wait for a worker
  ASSERT_TRUE(eventually_waiting(4));
  ASSERT_TRUE(eventually([this] { return server_->load().queued == kCap - 4; }));  // all were read
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(connect().sees_close());
  release();
  for (RawClient& client : active) {
    EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).body, "waited");
  }
  EXPECT_TRUE(serves());
}

// One that closes its connection late must not keep others out: its response is written.
TEST_F(HttpServerCapacityTest, AtTheCapConnectionsThatLingerAreReplacedFirst) {
  constexpr std::size_t kCap = 4;
  options_.max_connections = kCap;
  start();
  std::vector<RawClient> idle;
  for (std::size_t i = 0; i < kCap - 1; ++i) {
    idle.push_back(connect());
    EXPECT_EQ(idle.back().ask(kHello).body, "hello");
  }
  for (int i = 0; i < 50; ++i) {
    RawClient lingering = connect();
    EXPECT_EQ(lingering.ask(request("GET /hello", "Connection: close\r\n")).body, "hello");
    EXPECT_TRUE(lingering.sees_close());
    EXPECT_TRUE(serves());  // while `lingering` is not closed by the client
    // The server may learn that a client is gone after the next one has connected.
    ASSERT_TRUE(eventually_active(kCap - 1));
  }
  for (RawClient& client : idle) EXPECT_EQ(client.ask(kHello).body, "hello");
}

TEST_F(HttpServerCapacityTest, AtTheCapClientsThatDoNotReadAreReplaced) {
  constexpr std::size_t kCap = 8;
  options_.max_connections = kCap;
  start();
  std::vector<RawClient> stalled;
  for (std::size_t i = 0; i < kCap; ++i) {
    stalled.emplace_back(port(), 4096);
    stalled.back().send(request("GET /endless"));
  }
  EXPECT_TRUE(eventually([&] { return serves(); }));
}

// ------------------------------------------------------------------ memory

// Whose effects may have been committed: the client must learn its outcome.
TEST_F(HttpServerCapacityTest, AResponseIsSentAlsoWhenOthersDoNotRead) {
  constexpr int kStalled = 40;  // of 64 KiB each
  options_.limits.max_buffered_bytes = 3 * kLongBytes;
  start();
  std::vector<RawClient> stalled;
  for (int i = 0; i < kStalled; ++i) {
    stalled.emplace_back(port(), 4096);
    stalled.back().send(request("GET /endless"));
  }
  EXPECT_TRUE(eventually([&] {  // some lose their response for that
    EXPECT_EQ(connect().ask(request("GET /long")).body.size(), kLongBytes);
    return active_connections() < kStalled;
  }));
}

TEST_F(HttpServerCapacityTest, ABodyThatResponsesShareCountsOnce) {
  constexpr int kStalled = 10;
  options_.limits.max_buffered_bytes = 3 * kLongBytes;
  start();
  const auto stall = [this](const std::string& path) {
    std::vector<RawClient> clients;
    for (int i = 0; i < kStalled; ++i) {
      clients.emplace_back(port(), 4096);
      clients.back().send(request("GET " + path));
    }
    return clients;
  };
  const auto sharing = stall("/shared");
  EXPECT_TRUE(eventually_active(kStalled));
  const auto end = steady_clock::now() + kMinStall * 5 / 4;
  while (steady_clock::now() < end) {
    EXPECT_EQ(connect().ask(request("GET /shared")).body.size(), kLongBytes);
  }
  EXPECT_TRUE(eventually_active(kStalled));  // none was cut off

  const auto others = stall("/own");
  EXPECT_TRUE(eventually([this] {
    return connect().ask(request("GET /own")).body.size() == kLongBytes &&
           active_connections() < kStalled;
  }));
}

TEST_F(HttpServerCapacityTest, AResponseIsSentAlsoWhenRequestsUseTheMemory) {
  options_.limits.max_buffered_bytes = 300'000;
  start();
  RawClient partial = connect();
  partial.send(post("/large", std::string(299'000, 'x')).substr(0, 299'000));
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(connect().ask(request("GET /long")).body.size(), kLongBytes);
  }
}

// ------------------------------------------------------------------ descriptors

// With a library that waits with select(), a descriptor over 1023 can't be served.
TEST_F(HttpServerCapacityTest, ServesConnectionsWhoseDescriptorsAreOverAThousand) {
  const DescriptorLimit many(2000);
  start();
  std::vector<FileDescriptor> descriptors;
  for (int i = 0; i < 1100; ++i) descriptors.emplace_back(::dup(STDERR_FILENO));
  EXPECT_TRUE(serves());
}

class HttpServerShortageTest : public HttpServerTest {
 protected:
  // The limit that leaves one free descriptor, for the test's end of a connection.
  static rlim_t only_one_more() {
    const FileDescriptor next(::dup(STDERR_FILENO));
    return static_cast<rlim_t>(next.get()) + 1;
  }

  static int count(const std::string& log, const std::string& message) {
    int found = 0;
    for (std::size_t at = 0; (at = log.find(message, at)) != std::string::npos; ++at) ++found;
    return found;
  }
  static constexpr const char* kBegin = "cannot accept connections";
  static constexpr const char* kEnd = "accepts connections again";
};

TEST_F(HttpServerShortageTest, IdleConnectionsMakeRoom) {
  start();
  RawClient idle = connect();
  EXPECT_EQ(idle.ask(kHello).body, "hello");
  const DescriptorLimit limit(only_one_more());
  RawClient next = connect();
  EXPECT_EQ(next.ask(kHello).body, "hello");
  EXPECT_TRUE(idle.sees_close());
}

TEST_F(HttpServerShortageTest, ActiveConnectionsGoOnAndTheServerRecovers) {
  const std::string log = log_of([this] {
    start();
    RawClient active = connect();
    active.send(request("GET /wait"));
    ASSERT_TRUE(eventually_waiting(1));
    {
      const DescriptorLimit limit(only_one_more());
      RawClient next = connect();
      next.send(kHello);
      EXPECT_FALSE(next.sees_close(4 * kAcceptPause));
      release();
      EXPECT_EQ(active.read_answer().value_or(RawAnswer{}).body, "waited");
      EXPECT_EQ(next.read_answer().value_or(RawAnswer{}).body, "hello");  // in place of the other
    }
    EXPECT_TRUE(active.sees_close());
    EXPECT_TRUE(serves());
    EXPECT_TRUE(eventually([] {
      const std::string so_far = logged();
      return count(so_far, kEnd) > 0 && count(so_far, kEnd) == count(so_far, kBegin);
    }));
    server_->stop();
  });
  EXPECT_LE(count(log, kBegin), 2) << log;  // 2: this machine stalled for kAcceptRecovery
  EXPECT_EQ(count(log, kEnd), count(log, kBegin)) << log;
  EXPECT_LT(log.find(kBegin), log.find(kEnd)) << log;
}

}  // namespace
}  // namespace common
