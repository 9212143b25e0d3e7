// The server over raw sockets: what clients send that mean harm, are broken or slow, and how it
// stops.

#include "common/http/server.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/raw_client.h"

namespace common {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using tests::eventually;
using tests::RawAnswer;
using tests::RawClient;
using namespace std::string_literals;

constexpr std::size_t kMaxBody = 1000;

// What a test that doesn't look at a limit never comes to see, on a machine however slow.
constexpr HttpConnectionLimits kPatientLimits{.keep_alive_idle = std::chrono::seconds(60),
                                              .head_timeout = std::chrono::seconds(60),
                                              .body_timeout = std::chrono::seconds(60),
                                              .write_stall = std::chrono::seconds(60)};

// One that it is there to see.
constexpr milliseconds kShort{150};

std::string request(const std::string& line, const std::string& headers = "",
                    const std::string& body = "") {
  return line + " HTTP/1.1\r\nHost: test\r\n" + headers + "\r\n" + body;
}

std::string echo(const std::string& body) {
  return request("POST /echo", "Content-Length: " + std::to_string(body.size()) + "\r\n", body);
}

const std::string kHello = request("GET /hello");

class HttpServerTest : public testing::Test {
 protected:
  void TearDown() override { release_ = true; }

  // Starts a server with the routes of this test.
  void start(HttpConnectionLimits limits = kPatientLimits, std::size_t threads = 4) {
    server_ = std::make_unique<HttpServer>(
        HttpServerOptions{.host = "127.0.0.1", .threads = threads, .limits = limits}, metrics_);
    HttpRouter& router = server_->router();
    router.get("/hello", [](const HttpRequest&) { return text("hello"); });
    router.get("/id", [](const HttpRequest& r) { return text(r.request_id); });
    router.get("/header", [](const HttpRequest& r) {
      std::string joined;
      for (const auto value : r.header_values("X-Test")) joined += "[" + std::string(value) + "]";
      return text(joined);
    });
    router.get("/wait", [this](const HttpRequest&) {
      ++waiting_;
      return text(eventually([&] { return release_.load(); }) ? "waited" : "gave up");
    });
    router.get("/endless", [](const HttpRequest&) {
      HttpResponse response = text("");
      response.next_chunk = [] { return std::optional(std::string(64 * 1024, 'x')); };
      return response;
    });
    router.get("/stream", [this](const HttpRequest&) { return stream(); });
    router.post("/echo", {.max_bytes = kMaxBody}, [this](const HttpRequest& r) {
      ++echoed_;
      return text(r.body);
    });
    server_->bind();
    server_->start();
  }

  static HttpResponse text(std::string body) {
    return {.content_type = "text/plain", .body = std::move(body)};
  }

  // Three pieces; the second comes when the test says so.
  HttpResponse stream() {
    HttpResponse response = text("");
    response.next_chunk = [this, piece = 0]() mutable -> std::optional<std::string> {
      if (++piece == 2) {
        ++waiting_;
        eventually([&] { return release_.load(); });
      }
      return piece <= 3 ? std::optional("piece" + std::to_string(piece) + ";") : std::nullopt;
    };
    return response;
  }

  int port() const { return server_->port(); }
  RawClient connect() const { return RawClient(port()); }

  // Returns once the server has begun to stop: it has closed an idle connection.
  std::future<void> begin_stop() {
    RawClient idle = connect();
    EXPECT_EQ(idle.ask(kHello).header("Connection"), "");
    auto stopped = std::async(std::launch::async, [this] { server_->stop(); });
    EXPECT_TRUE(idle.sees_close());
    EXPECT_THROW(connect(), std::system_error);
    return stopped;
  }

  // Whether the server still does what it should, for someone else.
  bool serves() const { return connect().ask(kHello).body == "hello"; }

  double active_connections() { return metrics_.connections_active("public").Value(); }

  std::atomic<bool> release_ = false;
  std::atomic<int> waiting_ = 0;  // handlers that wait for it
  std::atomic<int> echoed_ = 0;
  prometheus::Registry registry_;
  HttpMetrics metrics_{registry_};
  std::unique_ptr<HttpServer> server_;  // last: ends before what its handlers use
};

// ------------------------------------------------------------------ plain requests

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

TEST_F(HttpServerTest, PostWithoutBodyAndWithoutLengthIsAnsweredWithoutAWaitForABody) {
  start();
  RawClient client = connect();
  const RawAnswer answer = client.ask(request("POST /echo"));
  EXPECT_EQ(answer.status, 200);  // after a wait for a body it would be 408
  EXPECT_EQ(answer.body, "");
  EXPECT_EQ(client.ask(kHello).body, "hello");
}

TEST_F(HttpServerTest, ReadsABodyWithLengthAndOneInChunks) {
  start();
  RawClient client = connect();
  EXPECT_EQ(client.ask(echo("a\r\n\r\nb")).body, "a\r\n\r\nb");
  EXPECT_EQ(client.ask(echo(std::string(kMaxBody, 'x'))).body, std::string(kMaxBody, 'x'));
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
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(client.ask(echo(std::to_string(i))).body, std::to_string(i));
}

TEST_F(HttpServerTest, ClosesWhenAskedTo) {
  start();
  for (const char* value : {"close", "Close", "foo, close", "close , foo"}) {
    RawClient client = connect();
    const RawAnswer answer = client.ask(request("GET /hello", "Connection: "s + value + "\r\n"));
    EXPECT_EQ(answer.body, "hello") << value;
    EXPECT_EQ(answer.header("Connection"), "close") << value;
    EXPECT_TRUE(client.sees_close()) << value;
  }
}

TEST_F(HttpServerTest, ClosesWithoutAnsweringWhatCameAfterTheLastRequest) {
  start();
  RawClient client = connect();
  EXPECT_EQ(client.ask(request("GET /hello", "Connection: close\r\n") + echo("abc")).body, "hello");
  EXPECT_FALSE(client.read_answer());
  EXPECT_TRUE(client.sees_close());
  EXPECT_EQ(echoed_, 0);
}

TEST_F(HttpServerTest, ServesHttp10AndClosesAfterIt) {
  start();
  for (const char* headers : {"", "Host: test\r\n", "Expect: 100-continue\r\n"}) {
    RawClient client = connect();
    const RawAnswer answer = client.ask("GET /hello HTTP/1.0\r\n"s + headers + "\r\n");
    EXPECT_EQ(answer.status, 200) << headers;
    EXPECT_EQ(answer.body, "hello") << headers;
    EXPECT_EQ(answer.header("Connection"), "close") << headers;
    EXPECT_TRUE(client.sees_close()) << headers;
  }
}

TEST_F(HttpServerTest, StreamsInChunksAndToHttp10WithoutThem) {
  start();
  release_ = true;
  RawClient client = connect();
  const RawAnswer answer = client.ask(request("GET /stream"));
  EXPECT_EQ(answer.header("Transfer-Encoding"), "chunked");
  EXPECT_EQ(answer.body, "piece1;piece2;piece3;");
  EXPECT_EQ(client.ask(kHello).body, "hello");

  RawClient old_client = connect();
  const RawAnswer old_answer = old_client.ask("GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old_answer.header("Transfer-Encoding"), "");
  EXPECT_EQ(old_answer.header("Content-Length"), "");
  EXPECT_EQ(old_answer.body, "piece1;piece2;piece3;");
  EXPECT_TRUE(old_client.sees_close());
}

TEST_F(HttpServerTest, AnswersHeadAsGetWithoutTheBody) {
  start();
  RawClient client = connect();
  for (const char* path : {"/hello", "/stream", "/nothing"}) {
    client.send(request("HEAD "s + path));
    const auto answer = client.read_answer(true);
    ASSERT_TRUE(answer) << path;
    EXPECT_EQ(answer->status, path == "/nothing"s ? 404 : 200) << path;
    EXPECT_EQ(answer->header("Accept-Ranges"), "") << path;
  }
  EXPECT_EQ(client.ask(kHello).body, "hello");  // nothing lay in between
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  start();
  RawClient client = connect();
  std::string requests;
  for (int i = 0; i < 30; ++i) requests += echo("body " + std::to_string(i)) + kHello;
  client.send(requests);
  for (int i = 0; i < 30; ++i) {
    const auto first = client.read_answer();
    const auto second = client.read_answer();
    ASSERT_TRUE(first && second) << i;
    EXPECT_EQ(first->body, "body " + std::to_string(i));
    EXPECT_EQ(second->body, "hello");
  }
}

TEST_F(HttpServerTest, TakesARequestInAnyPieces) {
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

TEST_F(HttpServerTest, AsksForABodyThatAwaitsItOnlyWhenItIsWanted) {
  start();
  const std::string expect = "Expect: 100-continue\r\nContent-Length: ";
  RawClient client = connect();
  EXPECT_EQ(client.ask(request("POST /echo", expect + "3\r\n")).status, 100);
  EXPECT_EQ(client.ask("abc").body, "abc");
  EXPECT_EQ(client.ask(kHello).body, "hello");
  EXPECT_EQ(client.ask(request("POST /echo", "Expect: 100-continue\r\n")).status, 200);

  for (const auto& [line, length, status] :
       {std::tuple("POST /echo", "1001", 413), std::tuple("POST /nothing", "3", 404)}) {
    RawClient unwanted = connect();
    EXPECT_EQ(unwanted.ask(request(line, expect + length + "\r\n")).status, status);
    EXPECT_TRUE(unwanted.sees_close());
  }
}

TEST_F(HttpServerTest, IgnoresWhatItDoesNotOffer) {
  start();
  for (const char* header :
       {"Range: bytes=0-1", "Range: bytes=9-1", "Range: bytes=99999999999999999999-", "Range: junk",
        "Accept-Encoding: gzip, br", "Accept: junk;q=nan", "Accept: ;;;,", "TE: trailers",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk"}) {
    const RawAnswer answer = connect().ask(request("GET /hello", header + "\r\n"s));
    EXPECT_EQ(answer.status, 200) << header;
    EXPECT_EQ(answer.body, "hello") << header;
    EXPECT_EQ(answer.header("Content-Encoding"), "") << header;
  }
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

TEST_F(HttpServerTest, HandsHeadersOverAsTheyCame) {
  start();
  EXPECT_EQ(connect().ask(request("GET /header", "X-Test: a%2Fb\r\nx-test:  c , d \r\n")).body,
            "[a%2Fb][c , d]");
}

TEST_F(HttpServerTest, FindsPathsInTheirSpellings) {
  start();
  for (const auto& [target, status] :
       std::vector<std::pair<std::string, int>>{{"/hello?x=y", 200},
                                                {"/hello?", 200},
                                                {"/%68ello", 200},
                                                {"http://other/hello", 200},
                                                {"http://other:1/hello?x", 200},
                                                {"http://other", 404},
                                                {"*", 404},
                                                {"hello", 404},
                                                {"//hello", 404},
                                                {"/hello/", 404},
                                                {"/./hello", 404},
                                                {"/x/../hello", 404},
                                                {"/%2e%2e/hello", 404},
                                                {"/hello%00", 404},
                                                {"/hello%00/x", 404},
                                                {"/hello%0d%0aX:%20y", 404},
                                                {"/hello%", 404},
                                                {"/hello%zz", 404},
                                                {"/%ff%fe", 404},
                                                {"/\xff\xfe", 404},
                                                {"/HELLO", 404}}) {
    const RawAnswer answer = connect().ask(request("GET " + target));
    EXPECT_EQ(answer.status, status) << target;
    EXPECT_EQ(answer.header("X"), "") << target;
  }
}

// ------------------------------------------------------------------ what is refused

TEST_F(HttpServerTest, RefusesWhatIsMalformedAndCloses) {
  start();
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  const std::string bad[] = {
      // heads
      "\r\n\r\n",
      "GET\r\n\r\n",
      "GET /hello\r\n",
      "GET /hello HTTP/1.1\n\n",
      "GET /hello HTTP/2.0\r\nHost: h\r\n\r\n",
      "GET /hello HTTP/1.10\r\nHost: h\r\n\r\n",
      "GET /hello http/1.1\r\nHost: h\r\n\r\n",
      "GET /hello x HTTP/1.1\r\nHost: h\r\n\r\n",
      "BREW /hello HTTP/1.1\r\nHost: h\r\n\r\n",
      "get /hello HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /hello HTTP/1.1\r\n\r\n",
      "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET /he\0llo HTTP/1.1\r\nHost: h\r\n\r\n"s,
      "GET /he\rllo HTTP/1.1\r\nHost: h\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s,  // TLS
      "\x00\x01\x02\x03"s,
      request("GET /hello", "no colon\r\n"),
      request("GET /hello", "A : b\r\n"),
      request("GET /hello", "A: b\r\n c\r\n"),
      request("GET /hello", "A: b\nC: d\r\n"),
      request("GET /hello", "A: b\0\r\n"s),
      // where a body ends
      request("POST /echo", chunked + "Content-Length: 3\r\n", "0\r\n\r\n"),
      request("POST /echo", "Content-Length: 0\r\n" + chunked, "0\r\n\r\n"),
      request("POST /echo", chunked + chunked, "0\r\n\r\n"),
      request("POST /echo", "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
      request("POST /echo", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
      request("POST /echo", "Transfer-Encoding: identity\r\n"),
      request("POST /echo", "Transfer-Encoding:\r\n"),
      request("POST /echo", "Transfer-Encoding: %63hunked\r\n", "0\r\n\r\n"),
      request("POST /echo", "Transfer-Encoding: chunked\nX: y\r\n", "0\r\n\r\n"),
      request("POST /echo", "Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
      request("POST /echo", "Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"),
      request("POST /echo", "Content-Length: 3, 3\r\n", "abc"),
      request("POST /echo", "Content-Length: -1\r\n"),
      request("POST /echo", "Content-Length: +3\r\n", "abc"),
      request("POST /echo", "Content-Length: 0x3\r\n", "abc"),
      request("POST /echo", "Content-Length: 3 3\r\n", "abc"),
      request("POST /echo", "Content-Length: %33\r\n", "abc"),
      request("POST /echo", "Content-Length:\r\n"),
      request("POST /echo", "Content-Length: 18446744073709551616\r\n"),
      request("GET /hello", "Content-Length: x\r\n"),
      // chunks
      request("POST /echo", chunked, "x\r\n"),
      request("POST /echo", chunked, "-1\r\n"),
      request("POST /echo", chunked, "0x3\r\nabc\r\n0\r\n\r\n"),
      request("POST /echo", chunked, "\r\n"),
      request("POST /echo", chunked, "3\r\nabcd\r\n0\r\n\r\n"),
      request("POST /echo", chunked, "10000000000000003\r\nabc\r\n0\r\n\r\n"),
      request("POST /echo", chunked, "3;" + std::string(2000, 'x')),
      request("POST /echo", chunked, "0\r\n" + std::string(2000, 'x')),
  };
  for (const std::string& bytes : bad) {
    RawClient client = connect();
    const RawAnswer answer = client.ask(bytes);
    EXPECT_EQ(answer.status, 400) << bytes;
    EXPECT_EQ(answer.header("Content-Type"), "application/problem+json") << bytes;
    EXPECT_EQ(answer.header("Connection"), "close") << bytes;
    EXPECT_NE(answer.header("X-Request-Id"), "") << bytes;
    EXPECT_TRUE(client.sees_close()) << bytes;
  }
  EXPECT_EQ(echoed_, 0);
  EXPECT_TRUE(serves());
}

TEST_F(HttpServerTest, RefusesWhatIsTooLargeAndCloses) {
  start();
  std::string many;
  for (int i = 0; i < 100; ++i) many += "A: b\r\n";
  std::string chunks;  // 1500 bytes
  for (int i = 0; i < 3; ++i) chunks += "1F4\r\n" + std::string(500, 'x') + "\r\n";
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  const std::string k40 = std::string(40'000, 'x');
  for (const auto& [bytes, status] : std::vector<std::pair<std::string, int>>{
           {request("POST /echo", "Content-Length: 1001\r\n"), 413},
           {request("POST /echo", "Content-Length: 18446744073709551615\r\n"), 413},
           {request("POST /echo", chunked, chunks), 413},
           {request("POST /echo", chunked, "FFFFFFFFFFFFFFFF\r\n"), 413},
           {request("POST /echo", chunked, "3E9\r\n"), 413},
           {request("GET /" + std::string(9'000, 'x')), 414},
           {"GET /" + k40, 431},
           {k40, 431},
           {request("GET /hello", "A: " + k40), 431},
           {request("GET /hello", "A: b\r\n" + k40), 431},
           {request("GET /hello", many), 431}}) {
    RawClient client = connect();
    const RawAnswer answer = client.ask(bytes);
    EXPECT_EQ(answer.status, status) << bytes.substr(0, 60);
    EXPECT_EQ(answer.header("Content-Type"), "application/problem+json") << bytes.substr(0, 60);
    EXPECT_EQ(answer.header("Connection"), "close") << bytes.substr(0, 60);
    EXPECT_TRUE(client.sees_close()) << bytes.substr(0, 60);
  }
  EXPECT_EQ(echoed_, 0);
  EXPECT_TRUE(serves());
}

// A body that isn't read is not taken for a request.
TEST_F(HttpServerTest, BodiesNobodyAskedForAreNotRequests) {
  start();
  for (const char* line : {"GET /hello", "POST /nothing", "DELETE /hello", "HEAD /hello"}) {
    RawClient client = connect();
    client.send(request(line, "Content-Length: " + std::to_string(kHello.size()) + "\r\n", kHello));
    const auto answer = client.read_answer(line == "HEAD /hello"s);
    ASSERT_TRUE(answer) << line;
    EXPECT_EQ(answer->header("Connection"), "close") << line;
    EXPECT_FALSE(client.read_answer()) << line;
  }
}

TEST_F(HttpServerTest, ABodyWithoutEndIsRefusedAndItsSenderLosesTheConnection) {
  start(kPatientLimits, 1);
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
  EXPECT_TRUE(serves());  // by the only thread
}

TEST_F(HttpServerTest, AnEarlyAnswerReachesAClientThatIsStillSending) {
  start();
  RawClient client = connect();
  client.send(request("POST /echo", "Content-Length: 300000\r\n", std::string(300'000, 'x')));
  EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).status, 413);
  EXPECT_TRUE(client.sees_close());
}

TEST_F(HttpServerTest, RandomBytesDoNoHarm) {
  HttpConnectionLimits limits = kPatientLimits;
  limits.head_timeout = limits.body_timeout = milliseconds(20);
  start(limits);
  std::mt19937 random(20240229);  // NOLINT(cert-msc51-cpp): the same bytes at every run
  const std::string valid[] = {
      kHello, echo("abc"),
      request("POST /echo", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n")};
  for (int i = 0; i < 4000; ++i) {
    std::string bytes = valid[random() % 3];
    if (i % 4 == 0) {
      bytes.resize(random() % 200);
      for (char& c : bytes) c = static_cast<char>(random());
    } else {
      for (auto mutations = random() % 4 + 1; mutations > 0; --mutations) {
        const std::size_t at = random() % bytes.size();
        switch (random() % 3) {
          case 0:
            bytes[at] = static_cast<char>(random());
            break;
          case 1:
            bytes.erase(at, random() % 8);
            break;
          default:
            bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 20));
        }
        if (bytes.empty()) break;
      }
    }
    RawClient client = connect();
    client.send(bytes);
    client.finish_sending();
    ASSERT_TRUE(client.sees_close()) << "string " << i;
  }
  EXPECT_TRUE(serves());
}

// ------------------------------------------------------------------ slow clients

// A server with one short limit, and what a client sends before it goes quiet.
struct Slow {
  const char* what;
  milliseconds HttpConnectionLimits::*limit;
  std::string sent;
  int status;  // 0: closed without an answer
};

TEST_F(HttpServerTest, ClosesConnectionsThatTakeTooLong) {
  const Slow kinds[] = {
      {"nothing", &HttpConnectionLimits::keep_alive_idle, "", 0},
      {"a part of the request line", &HttpConnectionLimits::head_timeout, "GET /hel", 0},
      {"a part of a header", &HttpConnectionLimits::head_timeout, "GET / HTTP/1.1\r\nHost:", 0},
      {"a part of a body", &HttpConnectionLimits::body_timeout,
       request("POST /echo", "Content-Length: 10\r\n", "abc"), 408},
      {"a part of a chunk", &HttpConnectionLimits::body_timeout,
       request("POST /echo", "Transfer-Encoding: chunked\r\n", "3\r\na"), 408},
  };
  for (const Slow& slow : kinds) {
    HttpConnectionLimits limits = kPatientLimits;
    limits.*slow.limit = kShort;
    start(limits);
    RawClient client = connect();
    const auto begin = steady_clock::now();
    client.send(slow.sent);
    EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).status, slow.status) << slow.what;
    EXPECT_TRUE(client.sees_close()) << slow.what;
    EXPECT_GE(steady_clock::now() - begin, kShort) << slow.what;

    RawClient second = connect();  // the same on a connection that has been of use
    EXPECT_EQ(second.ask(kHello).status, 200);
    second.send(slow.sent);
    EXPECT_EQ(second.read_answer().value_or(RawAnswer{}).status, slow.status) << slow.what;
    EXPECT_TRUE(second.sees_close()) << slow.what;
  }
}

TEST_F(HttpServerTest, BytesThatTrickleInBuyNoTimeAndHoldUpNobody) {
  HttpConnectionLimits limits = kPatientLimits;
  limits.head_timeout = limits.body_timeout = kShort;
  start(limits);
  for (const std::string& sent : {"GET /hello HTTP/1.1\r\nHost: h\r\nA: "s,
                                  request("POST /echo", "Content-Length: 999\r\n")}) {
    RawClient client = connect();
    client.send(sent);
    RawClient other = connect();
    EXPECT_TRUE(eventually([&] {
      EXPECT_EQ(other.ask(kHello).body, "hello");
      return !client.send("x") || !client.is_idle();
    })) << sent;
    EXPECT_TRUE(client.sees_close());
  }
}

TEST_F(HttpServerTest, AClientThatTakesNothingOfItsAnswerLosesIt) {
  HttpConnectionLimits limits = kPatientLimits;
  limits.write_stall = kShort;
  start(limits, 1);
  RawClient client(port(), 4096);
  client.send(request("GET /endless"));
  EXPECT_TRUE(serves());  // by the only thread
}

// ------------------------------------------------------------------ many clients

TEST_F(HttpServerTest, ConnectionsOverTheThreadsWaitAndAnotherListenerAnswers) {
  start(kPatientLimits, 2);
  HttpServer admin({.name = "admin", .host = "127.0.0.1", .threads = 1}, metrics_);
  admin.router().get("/livez", [](const HttpRequest&) { return text("alive"); });
  admin.bind();
  admin.start();

  std::vector<RawClient> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(connect());
    clients.back().send(request("GET /wait"));
  }
  ASSERT_TRUE(eventually([&] { return waiting_ == 2; }));
  EXPECT_EQ(active_connections(), 2);
  EXPECT_EQ(RawClient(admin.port()).ask(request("GET /livez")).body, "alive");
  EXPECT_TRUE(clients.back().is_idle());

  release_ = true;
  for (RawClient& client : clients) {
    EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).body, "waited");
  }
}

TEST_F(HttpServerTest, AThreadIsNotKeptAliveFromOthersWhoWait) {
  start(kPatientLimits, 1);
  RawClient first = connect();
  EXPECT_EQ(first.ask(kHello).header("Connection"), "");
  RawClient second = connect();  // which now waits
  second.send(kHello);
  EXPECT_TRUE(eventually([&] { return first.ask(kHello).header("Connection") == "close"; }));
  EXPECT_EQ(second.read_answer().value_or(RawAnswer{}).body, "hello");
}

TEST_F(HttpServerTest, SurvivesClientsThatReset) {
  start(kPatientLimits, 1);
  RawClient busy = connect();
  busy.send(request("GET /wait"));
  ASSERT_TRUE(eventually([&] { return waiting_ == 1; }));
  for (int i = 0; i < 20; ++i) {  // before they are accepted
    RawClient client = connect();
    if (i % 2 == 0) client.send(kHello);
    client.reset();
  }
  release_ = true;
  EXPECT_EQ(busy.read_answer().value_or(RawAnswer{}).body, "waited");
  busy.reset();
  for (int i = 0; i < 20; ++i) {  // while they are served
    RawClient client = connect();
    client.send(i % 2 == 0 ? request("GET /endless") : echo("abc").substr(0, 60));
    client.reset();
  }
  EXPECT_TRUE(serves());
}

// With a library that waits with select(), a descriptor over 1023 can't be served.
TEST_F(HttpServerTest, ServesConnectionsWhoseDescriptorsAreOverAThousand) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  ASSERT_GE(limit.rlim_max, 2000U);
  limit.rlim_cur = std::max<rlim_t>(limit.rlim_cur, 2000);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  start();
  std::vector<StopSignal> descriptors(1100);
  EXPECT_TRUE(serves());
}

TEST_F(HttpServerTest, ServesAgainOnceThereAreDescriptors) {
  start(kPatientLimits, 1);
  RawClient first = connect();
  EXPECT_EQ(first.ask(kHello).status, 200);
  RawClient second = connect();
  second.send(kHello);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{.rlim_cur = 3, .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  EXPECT_EQ(first.ask(kHello).header("Connection"), "close");
  EXPECT_TRUE(first.sees_close());
  const bool waits = second.is_idle();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_TRUE(waits);
  EXPECT_EQ(second.read_answer().value_or(RawAnswer{}).body, "hello");
}

// ------------------------------------------------------------------ ports, draining, stopping

TEST_F(HttpServerTest, TwoServersDoNotShareAPort) {
  start();
  HttpServer second({.host = "127.0.0.1", .port = port()}, metrics_);
  try {
    second.bind();
    FAIL() << "bound twice";
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find("127.0.0.1:" + std::to_string(port())),
              std::string::npos)
        << error.what();
  }
}

TEST_F(HttpServerTest, TakesAPortAgainAtOnce) {
  start();
  const int port = server_->port();
  RawClient client = connect();
  EXPECT_EQ(client.ask(request("GET /hello", "Connection: close\r\n")).status, 200);
  server_.reset();
  HttpServer second({.host = "127.0.0.1", .port = port}, metrics_);
  EXPECT_NO_THROW(second.bind());
}

TEST_F(HttpServerTest, WhileDrainingAnswersCloseTheirConnection) {
  start();
  RawClient client = connect();
  EXPECT_EQ(client.ask(kHello).header("Connection"), "");
  server_->start_draining();
  const RawAnswer answer = client.ask(kHello);
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(answer.header("Connection"), "close");
  EXPECT_TRUE(client.sees_close());
  EXPECT_TRUE(serves());
}

TEST_F(HttpServerTest, StopFinishesWhatRuns) {
  start();
  RawClient handled = connect();
  RawClient streamed = connect();
  handled.send(request("GET /wait"));
  streamed.send(request("GET /stream"));
  ASSERT_TRUE(eventually([&] { return waiting_ == 2; }));
  auto stopped = begin_stop();
  EXPECT_NE(stopped.wait_for(milliseconds(0)), std::future_status::ready);
  release_ = true;
  EXPECT_EQ(handled.read_answer().value_or(RawAnswer{}).body, "waited");
  EXPECT_EQ(streamed.read_answer().value_or(RawAnswer{}).body, "piece1;piece2;piece3;");
  EXPECT_TRUE(handled.sees_close());
  EXPECT_TRUE(streamed.sees_close());
  EXPECT_EQ(stopped.wait_for(tests::kPatience), std::future_status::ready);
}

TEST_F(HttpServerTest, StopFinishesABodyThatIsBeingSent) {
  start();
  RawClient client = connect();
  const std::string bytes = echo("abcdef");
  client.send(request("POST /echo", "Expect: 100-continue\r\nContent-Length: 6\r\n"));
  EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).status, 100);
  const auto stopped = begin_stop();
  client.send("abc");
  EXPECT_EQ(client.ask("def").body, "abcdef");
  EXPECT_TRUE(client.sees_close());
}

TEST_F(HttpServerTest, StopClosesAtOnceWhatIsIdle) {
  start();
  RawClient fresh = connect();
  RawClient used = connect();
  RawClient half_a_head = connect();
  EXPECT_EQ(used.ask(kHello).status, 200);
  half_a_head.send("GET /hello HTTP/1.1\r\n");
  ASSERT_TRUE(eventually([&] { return active_connections() == 3; }));
  const auto begin = steady_clock::now();
  server_->stop();
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(5));  // limits are 60 s
  EXPECT_TRUE(fresh.sees_close());
  EXPECT_TRUE(used.sees_close());
  EXPECT_TRUE(half_a_head.sees_close());
  EXPECT_EQ(active_connections(), 0);
  server_->stop();  // once more is nothing
}

// A request may arrive at the moment of the stop, on a new connection or on a kept one.
TEST_F(HttpServerTest, StopAnswersEveryRequestThatWasSentBeforeIt) {
  constexpr std::size_t kClients = 64;
  for (int round = 0; round < 5; ++round) {
    start(kPatientLimits, kClients);
    std::vector<RawClient> clients;
    for (std::size_t i = 0; i < kClients; ++i) {
      clients.push_back(connect());
      if (i % 2 == 0) {
        ASSERT_EQ(clients.back().ask(kHello).body, "hello");
      }
    }
    ASSERT_TRUE(eventually([&] { return active_connections() == kClients; }));
    for (RawClient& client : clients) ASSERT_TRUE(client.send(kHello));
    server_->stop();
    for (RawClient& client : clients) {
      ASSERT_EQ(client.read_answer().value_or(RawAnswer{}).body, "hello");
      EXPECT_TRUE(client.sees_close());
    }
  }
}

// Sends one request after the other on one connection until an answer closes it. Whether each had
// its answer; but one that is sent more than the grace of idle connections (50 ms) after the one
// before may cross with their close.
bool gets_every_answer(int port, std::atomic<int>& answered) {
  RawClient client(port);
  auto sent = steady_clock::now();
  while (true) {
    const auto sent_before = std::exchange(sent, steady_clock::now());
    client.send(echo("abc"));
    const bool was_late = steady_clock::now() - sent_before > milliseconds(50);
    const RawAnswer answer = client.read_answer().value_or(RawAnswer{});
    if (answer.body != "abc") return was_late;
    ++answered;
    if (answer.header("Connection") == "close") return true;
  }
}

TEST_F(HttpServerTest, StoppedUnderLoadItAnswersEveryRequest) {
  constexpr std::size_t kClients = 6;
  std::atomic<int> answered = 0;
  for (int round = 0; round < 10; ++round) {
    start(kPatientLimits, kClients + 1);
    const int before = answered;
    std::vector<std::future<bool>> clients;
    for (std::size_t i = 0; i < kClients; ++i) {
      clients.push_back(std::async(
          std::launch::async, [&, port = port()] { return gets_every_answer(port, answered); }));
    }
    // A connection that no thread has accepted yet would be refused by the stop.
    EXPECT_TRUE(
        eventually([&] { return active_connections() == kClients && answered > before + 100; }));
    server_->stop();
    for (auto& client : clients) EXPECT_TRUE(client.get());
  }
  EXPECT_EQ(answered, echoed_);
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
            labels.find("status=" + status + " ") != std::string::npos) {
          return metric.counter.value;
        }
      }
    }
    return -1.0;
  };
  EXPECT_EQ(count("/hello", "2xx"), 1);
  EXPECT_EQ(count("other", "4xx"), 2);
}

}  // namespace
}  // namespace common
