// The server over raw sockets: responses whose chunks come later.

#include <gtest/gtest.h>

#include <cstddef>
#include <future>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/http/event_stream.h"
#include "common/http/server_fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/raw_client.h"

namespace common {
namespace {

using tests::eventually;
using tests::RawAnswer;
using tests::RawClient;

// The chunks of all responses of GET /events: each response gets each chunk. Thread-safe.
class Chunks {
 public:
  void await(std::size_t number, const OnHttpChunk& on_chunk) {
    MutexLock lock(mutex_);
    if (number < chunks_.size()) return on_chunk(chunks_[number]);
    waiting_.push_back(on_chunk);
  }
  void send(const std::optional<std::string>& chunk) {
    MutexLock lock(mutex_);
    chunks_.push_back(chunk);
    for (const OnHttpChunk& on_chunk : std::exchange(waiting_, {})) on_chunk(chunk);
  }
  std::size_t waiting() {
    MutexLock lock(mutex_);
    return waiting_.size();
  }

 private:
  Mutex mutex_;
  std::vector<std::optional<std::string>> chunks_ GUARDED_BY(mutex_);
  std::vector<OnHttpChunk> waiting_ GUARDED_BY(mutex_);
};

class HttpServerEventsTest : public HttpServerTest {
 protected:
  void TearDown() override {
    chunks_.send(std::nullopt);  // the server's stop waits for it
    HttpServerTest::TearDown();
    server_.reset();  // it may be about to wait for another chunk
  }

  void start() {
    HttpServerTest::start([this](HttpRouter& router) {
      router.get("/events", [this](const HttpRequest&) {
        return respond_with_events([this, number = std::size_t{0}](const auto& on_chunk) mutable {
          chunks_.await(number++, on_chunk);
        });
      });
    });
  }

  // A client that has the head and waits for events.
  RawClient subscribe() {
    RawClient client = connect();
    client.send(kEvents);
    EXPECT_TRUE(client.read_through("\r\n\r\n"));
    return client;
  }
  bool eventually_streaming(std::size_t count) {
    return eventually([&] { return chunks_.waiting() == count; });
  }

  const std::string kEvents = request("GET /events");
  Chunks chunks_;
};

TEST_F(HttpServerEventsTest, TheHeadAndEachChunkArriveAtOnce) {
  start();
  RawClient client = connect();
  client.send(kEvents);
  const std::string head = client.read_through("\r\n\r\n").value_or("");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200 OK\r\n")) << head;
  EXPECT_NE(head.find("\r\nContent-Type: text/event-stream\r\n"), std::string::npos) << head;
  EXPECT_NE(head.find("\r\nCache-Control: no-cache\r\n"), std::string::npos) << head;
  EXPECT_NE(head.find("\r\nTransfer-Encoding: chunked\r\n"), std::string::npos) << head;
  EXPECT_EQ(head.find("Content-Length"), std::string::npos) << head;
  for (const std::string chunk : {"one\n\n", "two\n\n"}) {
    chunks_.send(chunk);
    EXPECT_EQ(client.read_through("\n\n\r\n"), "5\r\n" + chunk + "\r\n");
  }
  chunks_.send(std::nullopt);
  EXPECT_EQ(client.read_through("\r\n\r\n"), "0\r\n\r\n");
  EXPECT_EQ(client.ask(kHello).body, "hello") << "the connection stays open";
}

// RFC 9112, section 6.1: chunks are not for HTTP/1.0.
TEST_F(HttpServerEventsTest, Http10EndsWithTheConnection) {
  start();
  RawClient client = connect();
  client.send("GET /events HTTP/1.0\r\n\r\n");
  const std::string head = client.read_through("\r\n\r\n").value_or("");
  EXPECT_EQ(head.find("Transfer-Encoding"), std::string::npos) << head;
  EXPECT_NE(head.find("\r\nConnection: close\r\n"), std::string::npos) << head;
  chunks_.send("one\n\n");
  EXPECT_EQ(client.read_through("\n\n"), "one\n\n");
  chunks_.send("two\n\n");
  EXPECT_EQ(client.read_through("\n\n"), "two\n\n");
  chunks_.send(std::nullopt);
  EXPECT_TRUE(client.sees_close());
}

TEST_F(HttpServerEventsTest, HeadGetsTheHeadersAlone) {
  start();
  RawClient client = connect();
  client.send(request("HEAD /events"));
  EXPECT_EQ(client.read_answer(true).value_or(RawAnswer{}).header("Content-Type"),
            "text/event-stream");
  EXPECT_EQ(client.ask(kHello).body, "hello");
  EXPECT_EQ(chunks_.waiting(), 0U);
}

TEST_F(HttpServerEventsTest, ASilentStreamIsNotCut) {
  options_.limits.write_stall = options_.limits.idle_timeout = options_.limits.head_timeout =
      options_.limits.body_timeout = kShort;
  start();
  RawClient client = connect();
  ASSERT_TRUE(eventually([&] {  // again if this thread was slower than idle_timeout
    client = connect();
    return client.send(kEvents) && client.read_through("\r\n\r\n").has_value();
  }));
  EXPECT_FALSE(client.sees_close(2 * (kShort + kDeadlineCheck)));
  chunks_.send("one\n\n");
  EXPECT_TRUE(client.read_through("one"));
}

TEST_F(HttpServerEventsTest, StreamsNeedNeitherWorkersNorThreads) {
  options_.workers = 1;
  start();
  const long threads = process_status("Threads");
  RawClient busy = connect();
  std::vector<RawClient> clients = connect(200, kEvents);
  ASSERT_TRUE(eventually_streaming(200));
  EXPECT_EQ(process_status("Threads"), threads);
  EXPECT_TRUE(serves());
  busy.send(request("GET /wait"));
  ASSERT_TRUE(eventually_waiting(1));
  chunks_.send("one\n\n");
  for (RawClient& client : clients) EXPECT_TRUE(client.read_through("one\n\n\r\n"));
  release();
}

TEST_F(HttpServerEventsTest, AClientThatHasGoneIsDroppedAtTheNextChunks) {
  start();
  {
    RawClient gone = subscribe();
    RawClient reset = subscribe();
    reset.reset();
  }
  RawClient stays = subscribe();
  EXPECT_TRUE(eventually([&] {  // the first chunk only causes the reset
    chunks_.send("more\n\n");
    return active_connections() == 1;
  }));
  EXPECT_TRUE(stays.read_through("more"));
}

TEST_F(HttpServerEventsTest, AClientThatDoesNotReadGetsNoFurtherChunksAndIsCut) {
  options_.limits.write_stall = kShort;
  start();
  RawClient client(port(), 4096);
  client.send(kEvents);
  ASSERT_TRUE(eventually_streaming(1));
  std::size_t sent = 0;
  while (sent < 1000 && active_connections() == 1) {  // until its socket is full
    chunks_.send(std::string(64 * 1024, 'x'));
    ++sent;
    eventually([&] { return chunks_.waiting() == 1 || active_connections() == 0; });
  }
  EXPECT_LT(sent, 1000U);
  EXPECT_TRUE(eventually_active(0));
  EXPECT_TRUE(serves());
}

TEST_F(HttpServerEventsTest, AtTheCapTheLongestSilentStreamIsReplaced) {
  constexpr std::size_t kCap = 4;
  options_.max_connections = kCap;
  start();
  std::vector<RawClient> clients;
  for (std::size_t i = 0; i < kCap; ++i) clients.push_back(subscribe());
  ASSERT_TRUE(eventually_streaming(kCap));
  RawClient idle = connect();
  EXPECT_EQ(idle.ask(kHello).body, "hello");
  EXPECT_TRUE(clients[0].sees_close());
  EXPECT_TRUE(serves());  // in place of the idle one
  EXPECT_TRUE(idle.sees_close());
  chunks_.send("one\n\n");
  for (std::size_t i = 1; i < kCap; ++i) EXPECT_TRUE(clients[i].read_through("one")) << i;
}

TEST_F(HttpServerEventsTest, TheStopWaitsForTheEndOfStreams) {
  start();
  RawClient client = subscribe();
  const auto stopped = std::async(std::launch::async, [this] { server_->stop(); });
  EXPECT_NE(stopped.wait_for(2 * kStopGrace), std::future_status::ready);
  chunks_.send("last\n\n");
  chunks_.send(std::nullopt);
  EXPECT_TRUE(client.read_through("0\r\n\r\n"));
  EXPECT_TRUE(client.sees_close());
  EXPECT_EQ(stopped.wait_for(tests::kPatience), std::future_status::ready);
}

TEST_F(HttpServerEventsTest, TheStopCutsAStreamThatDoesNotEnd) {
  options_.limits.stop_timeout = kShort;
  start();
  RawClient client = subscribe();
  ASSERT_TRUE(eventually_streaming(1));
  const auto stopped = std::async(std::launch::async, [this] { server_->stop(); });
  EXPECT_FALSE(client.read_through("0\r\n\r\n")) << "the client must see that it is incomplete";
  EXPECT_TRUE(client.sees_close());
  chunks_.send(std::nullopt);  // stop() waits for it
  EXPECT_EQ(stopped.wait_for(tests::kPatience), std::future_status::ready);
}

}  // namespace
}  // namespace common
