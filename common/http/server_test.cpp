// The server over raw sockets: requests, responses and connections of clients that behave.

#include "common/http/server.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>

#include "common/http/server_fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/raw_client.h"

namespace common {
namespace {

using tests::eventually;
using tests::RawAnswer;
using tests::RawClient;
using namespace std::string_literals;

// ------------------------------------------------------------------ requests and responses

TEST_F(HttpServerTest, AnswersWithLengthTypeAndRequestId) {
  start();
  const RawAnswer answer = connect().ask(kHello);
  EXPECT_TRUE(answer.head.starts_with("HTTP/1.1 200 OK\r\n")) << answer.head;
  EXPECT_EQ(answer.header("Content-Length"), "5");
  EXPECT_EQ(answer.header("Content-Type"), "text/plain");
  EXPECT_EQ(answer.header("X-Request-Id").size(), 32U);
  EXPECT_EQ(answer.header("Connection"), "");
  EXPECT_EQ(answer.body, "hello");
}

TEST_F(HttpServerTest, DoesNotWaitForTheBodyOfAPostWithoutLength) {
  start();
  RawClient client = connect();
  EXPECT_EQ(client.ask(request("POST /echo")).status, 200);
  EXPECT_EQ(client.ask(kHello).body, "hello");
}

TEST_F(HttpServerTest, ReadsABodyWithLengthAndOneInChunks) {
  start();
  RawClient client = connect();
  EXPECT_EQ(client.ask(post("/echo", "a\r\n\r\nb")).body, "a\r\n\r\nb");
  const std::string longest(kMaxEcho, 'x');
  EXPECT_EQ(client.ask(post("/echo", longest)).body, longest);
  EXPECT_EQ(client
                .ask(request("POST /echo", "Transfer-Encoding: chunked\r\n",
                             "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n"))
                .body,
            "abc0123456789");
  EXPECT_EQ(client.ask(kHello).body, "hello");
}

TEST_F(HttpServerTest, KeepsAConnectionForManyRequests) {
  start();
  RawClient client = connect();
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(client.ask(post("/echo", std::to_string(i))).body, std::to_string(i));
  }
  EXPECT_TRUE(client.is_idle());
}

TEST_F(HttpServerTest, AcceptsARequestInAnyPieces) {
  start();
  RawClient client = connect();
  const std::string bytes =
      request("POST /echo", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n");
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    client.send(bytes.substr(0, cut));
    ASSERT_EQ(client.ask(bytes.substr(cut)).body, "abc") << cut;
  }
  for (const char c : bytes) client.send({&c, 1});
  EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).body, "abc");
}

TEST_F(HttpServerTest, StreamsInChunks) {
  start();
  release();
  RawClient client = connect();
  const RawAnswer answer = client.ask(request("GET /stream"));
  EXPECT_EQ(answer.header("Transfer-Encoding"), "chunked");
  EXPECT_EQ(answer.header("Content-Length"), "");
  EXPECT_EQ(answer.body, "chunk1;chunk2;chunk3;");
  EXPECT_EQ(client.ask(kHello).body, "hello");
}

TEST_F(HttpServerTest, SendsEachChunkWhenItIsReady) {
  start();
  RawClient client = connect();
  client.send(request("GET /stream"));
  ASSERT_TRUE(eventually_waiting(1));
  EXPECT_TRUE(
      eventually([&] { return !client.is_idle(); }));  // the head and the first chunk have arrived
  release();
  EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).body, "chunk1;chunk2;chunk3;");
}

TEST_F(HttpServerTest, AFailureWithinAStreamIsSeenByTheClient) {
  server_ = std::make_unique<HttpServer>(options_, metrics_);
  server_->router().get("/fails", [](const HttpRequest&) {
    HttpResponse response = text("");
    response.next_chunk = [chunk = 0]() mutable -> std::optional<std::string> {
      if (++chunk == 2) throw std::runtime_error("the disk is gone");
      return "chunk";
    };
    return response;
  });
  server_->bind();
  const std::string log = log_of([this] {
    server_->start();
    RawClient client = connect();
    client.send(request("GET /fails"));
    EXPECT_FALSE(client.read_answer());
    EXPECT_TRUE(client.sees_close());
    server_->stop();
  });
  EXPECT_NE(log.find("the disk is gone"), std::string::npos) << log;
}

TEST_F(HttpServerTest, EmptyChunksDoNotEndAStream) {
  server_ = std::make_unique<HttpServer>(options_, metrics_);
  server_->router().get("/stream", [](const HttpRequest&) {
    HttpResponse response = text("");
    response.next_chunk = [chunk = 0]() mutable -> std::optional<std::string> {
      ++chunk;
      if (chunk > 5) return std::nullopt;
      return chunk % 2 == 0 ? std::to_string(chunk) : "";
    };
    return response;
  });
  server_->bind();
  server_->start();
  EXPECT_EQ(connect().ask(request("GET /stream")).body, "24");
  EXPECT_EQ(connect().ask("GET /stream HTTP/1.0\r\n\r\n").body, "24");
}

// A library that matches this with std::regex needs stack for each of its characters.
TEST_F(HttpServerTest, LongValuesOfHeadersDoNotMatter) {
  start();
  std::string ranges = "bytes=1-1";
  while (ranges.size() < 30'000) ranges += ",1-1";
  for (const char* name : {"Range", "Accept", "X-Forwarded-For", "X-Test"}) {
    EXPECT_EQ(connect().ask(request("GET /hello", name + ": "s + ranges + "\r\n")).status, 200);
  }
}

TEST_F(HttpServerTest, PassesARequestIdOnOrReplacesIt) {
  start();
  RawClient client = connect();
  const auto ask = [&](const std::string& headers) {
    const RawAnswer answer = client.ask(request("GET /id", headers));
    EXPECT_EQ(answer.header("X-Request-Id"), answer.body);
    return answer.body;
  };
  EXPECT_EQ(ask("X-Request-Id: abc-1.2_Z\r\n"), "abc-1.2_Z");
  EXPECT_EQ(ask("x-request-id: " + std::string(64, 'a') + "\r\n"), std::string(64, 'a'));
  for (const std::string& unusable :
       {""s, "X-Request-Id: \r\n"s, "X-Request-Id: a b\r\n"s, "X-Request-Id: a%0d%0aX: y\r\n"s,
        "X-Request-Id: \xC3\xA9\r\n"s, "X-Request-Id: " + std::string(65, 'a') + "\r\n",
        "X-Request-Id: a\r\nX-Request-Id: b\r\n"s}) {
    EXPECT_EQ(ask(unusable).size(), 32U) << unusable;
  }
  EXPECT_NE(ask(""), ask(""));
}

TEST_F(HttpServerTest, ContinuesTheTraceOfTheClient) {
  start();
  RawClient client = connect();
  const std::string trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  const std::string traceparent = "TraceParent: \t00-" + trace_id + "-00f067aa0ba902b7-01 \r\n";
  const auto ask = [&](const std::string& headers) {
    return client.ask(request("GET /trace", headers)).body;
  };
  const std::string continued = ask("tracestate: a=1\r\n" + traceparent + "TRACESTATE: b=2\r\n");
  EXPECT_TRUE(continued.starts_with("00-" + trace_id + '-')) << continued;
  EXPECT_TRUE(continued.ends_with("-01 00f067aa0ba902b7 a=1,b=2")) << continued;
  EXPECT_NE(ask(traceparent), ask(traceparent)) << "each request is a span";
  for (const std::string& headers : {""s, traceparent + traceparent, "trace-parent: x\r\n"s}) {
    const std::string begun = ask(headers + "tracestate: a=1\r\n");
    EXPECT_EQ(begun.find(trace_id), std::string::npos) << begun;
    EXPECT_TRUE(begun.ends_with("-00  ")) << begun;
  }
}

// A client that sends nothing can look the trace up by the id that it gets.
TEST_F(HttpServerTest, ANewRequestIdIsTheIdOfTheNewTrace) {
  start();
  const RawAnswer answer = connect().ask(request("GET /trace"));
  EXPECT_EQ(answer.body.substr(3, 32), answer.header("X-Request-Id"));
  const std::string traced = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const RawAnswer continued = connect().ask(request("GET /trace", traced + "\r\n"));
  EXPECT_NE(continued.body.substr(3, 32), continued.header("X-Request-Id"));
}

TEST_F(HttpServerTest, PassesHeadersOnAsTheyWereSent) {
  start();
  EXPECT_EQ(connect().ask(request("GET /header", "X-Test: a%2Fb\r\nx-test:  c , d \r\n")).body,
            "[a%2Fb][c , d]");
}

// ------------------------------------------------------------------ pipelining

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  start();
  RawClient client = connect();
  std::string requests;
  for (int i = 0; i < 30; ++i) requests += post("/echo", "body " + std::to_string(i)) + kHello;
  client.send(requests);
  for (int i = 0; i < 30; ++i) {
    const auto first = client.read_answer();
    const auto second = client.read_answer();
    ASSERT_TRUE(first && second) << i;
    EXPECT_EQ(first->body, "body " + std::to_string(i));
    EXPECT_EQ(second->body, "hello");
  }
}

TEST_F(HttpServerTest, APipelinedRequestWaitsForTheResponseBeforeIt) {
  start();
  RawClient client = connect();
  client.send(request("GET /wait") + post("/echo", "next"));
  ASSERT_TRUE(eventually_waiting(1));
  EXPECT_TRUE(client.is_idle());
  EXPECT_EQ(echoed_, 0);
  release();
  EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).body, "waited");
  EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).body, "next");
}

TEST_F(HttpServerTest, AClientThatPipelinesDoesNotStarveOthers) {
  options_.workers = 1;
  start();
  std::string requests;
  for (int i = 0; i < 200; ++i) requests += post("/echo", "x");
  RawClient greedy = connect();
  std::thread sender([&] {
    for (int i = 0; i < 20; ++i) greedy.send(requests);
  });
  std::thread reader([&] {
    for (int i = 0; i < 4000; ++i) EXPECT_TRUE(greedy.read_answer()) << i;
  });
  ASSERT_TRUE(eventually([&] { return echoed_ > 0; }));
  EXPECT_TRUE(serves());
  EXPECT_LT(echoed_, 4000);
  sender.join();
  reader.join();
}

// ------------------------------------------------------------------ deferred responses

TEST_F(HttpServerTest, ADeferredResponseHoldsNoWorkerAndComesFromAnyThread) {
  options_.workers = 1;
  start();
  RawClient client = connect();
  client.send(request("POST /deferred"));
  const HttpRespond respond = deferred_.get_future().get();
  EXPECT_TRUE(serves());  // by the only worker
  EXPECT_TRUE(client.is_idle());
  std::thread([&] { respond([] { return text("later"); }); }).join();
  EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).body, "later");
  EXPECT_EQ(client.ask(kHello).body, "hello");
}

TEST_F(HttpServerTest, ADeferredResponseToAClientThatLeftIsDropped) {
  start();
  RawClient client = connect();
  client.send(request("POST /deferred"));
  const HttpRespond respond = deferred_.get_future().get();
  client.reset();
  respond([] { return text(std::string(1024 * 1024, 'x')); });
  EXPECT_TRUE(eventually_active(0));
  EXPECT_TRUE(serves());
}

// ------------------------------------------------------------------ broken clients

TEST_F(HttpServerTest, SurvivesClientsThatReset) {
  options_.workers = 1;
  start();
  RawClient busy = connect();
  busy.send(request("GET /wait"));
  ASSERT_TRUE(eventually_waiting(1));
  for (int i = 0; i < 20; ++i) {  // while their requests wait for the worker
    RawClient client = connect();
    if (i % 2 == 0) client.send(kHello);
    client.reset();
  }
  release();
  EXPECT_EQ(busy.read_answer().value_or(RawAnswer{}).body, "waited");
  busy.reset();
  for (int i = 0; i < 20; ++i) {  // while they are served
    RawClient client = connect();
    client.send(i % 2 == 0 ? request("GET /endless") : post("/echo", "abc").substr(0, 60));
    client.reset();
  }
  EXPECT_TRUE(serves());
  EXPECT_TRUE(eventually_active(0));
}

std::string mutated(std::string bytes, std::mt19937& random) {
  for (auto mutations = random() % 4 + 1; mutations > 0 && !bytes.empty(); --mutations) {
    const std::size_t at = random() % bytes.size();
    const auto kind = random() % 3;
    if (kind == 0) bytes[at] = static_cast<char>(random());
    if (kind == 1) bytes.erase(at, random() % 8);
    if (kind == 2) bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 20));
  }
  return bytes;
}

TEST_F(HttpServerTest, RandomBytesDoNoHarm) {
  options_.limits.head_timeout = options_.limits.body_timeout = std::chrono::milliseconds(20);
  start();
  std::mt19937 random(20240229);  // NOLINT(cert-msc51-cpp): the same bytes at every run
  const std::string valid[] = {
      kHello, post("/echo", "abc"),
      request("POST /echo", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n")};
  for (int i = 0; i < 4000 / tests::kSlowdown; ++i) {
    std::string bytes = mutated(valid[random() % 3], random);
    if (i % 4 == 0) {
      bytes.resize(random() % 200);
      for (char& c : bytes) c = static_cast<char>(random());
    }
    RawClient client = connect();
    client.send(bytes);
    client.finish_sending();
    ASSERT_TRUE(client.sees_close()) << "string " << i;
  }
  EXPECT_TRUE(serves());
}

TEST_F(HttpServerTest, CountsRequestsOfAllKinds) {
  start();
  connect().ask(kHello);
  connect().ask(request("GET /nothing"));
  connect().ask("junk\r\n\r\n");
  const auto count = [&](const std::string& path, const std::string& status) {
    for (const auto& family : registry_.Collect()) {
      if (family.name != "http_requests_total") continue;
      for (const auto& metric : family.metric) {
        std::string labels;
        for (const auto& label : metric.label) labels += label.name + "=" + label.value + " ";
        if (labels.find("path=" + path + " ") != std::string::npos &&
            labels.find("code=" + status + " ") != std::string::npos) {
          return metric.counter.value;
        }
      }
    }
    return -1.0;
  };
  EXPECT_EQ(count("/hello", "200"), 1);
  EXPECT_EQ(count("other", "404"), 1);
  EXPECT_EQ(count("other", "400"), 1);
}

}  // namespace
}  // namespace common
