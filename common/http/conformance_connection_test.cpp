// What the standards say about responses and connections. Each test names its section.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "common/http/conformance_fixture.h"
#include "common/http/server_fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/raw_client.h"

namespace common {
namespace {

using tests::RawAnswer;
using tests::RawClient;

std::vector<std::string> sorted_lines(std::string text) {
  std::vector<std::string> lines;
  for (std::size_t end = 0; (end = text.find("\r\n")) != std::string::npos;
       text.erase(0, end + 2)) {
    if (!text.starts_with("Date: ")) lines.push_back(text.substr(0, end));
  }
  if (!text.starts_with("Date: ")) lines.push_back(text);
  std::sort(lines.begin(), lines.end());
  return lines;
}

TEST_F(ConformanceTest, AnswersHeadWithTheHeadersOfGet) {  // RFC 9110, 9.3.2
  release();
  RawClient client = connect();
  for (const std::string path : {"/hello", "/stream", "/nothing", "/echo", "/hello?x"}) {
    SCOPED_TRACE(path);
    const std::string id = "X-Request-Id: r\r\n";
    const RawAnswer to_get = ask(client, request("GET " + path, id));
    client.send(request("HEAD " + path, id));
    const auto to_head = client.read_answer(true);
    ASSERT_TRUE(to_head);
    EXPECT_EQ(sorted_lines(to_head->head), sorted_lines(to_get.head));
  }
  EXPECT_EQ(client.ask(kHello).body, "hello");  // no body came in between
}

TEST_F(ConformanceTest, KeepsOrClosesTheConnectionAsAsked) {  // RFC 9112, 9.3 and 9.6
  for (const std::string value : {"close", "Close", "foo, close", "close , foo", ",close,",
                                  "keep-alive, close", "keep-alive\r\nConnection: close"}) {
    SCOPED_TRACE(value);
    RawClient client = connect();
    EXPECT_EQ(
        client.ask(request("GET /hello", "Connection: " + value + "\r\n")).header("Connection"),
        "close");
    EXPECT_TRUE(client.sees_close());
  }
  RawClient client = connect();
  for (const std::string value : {"keep-alive", "Keep-Alive, foo", "closed", "\"close\"", ""}) {
    SCOPED_TRACE(value);
    EXPECT_EQ(
        client.ask(request("GET /hello", "Connection: " + value + "\r\n")).header("Connection"),
        "");
  }
  EXPECT_TRUE(client.is_idle());
}

TEST_F(ConformanceTest, IgnoresRequestsAfterTheLastOne) {  // RFC 9112, 9.6
  RawClient client = connect();
  const RawAnswer answer =
      client.ask(request("GET /hello", "Connection: close\r\n") + post("/echo", "abc"));
  EXPECT_EQ(answer.body, "hello");
  EXPECT_FALSE(client.read_answer());
  EXPECT_TRUE(client.sees_close());
  EXPECT_EQ(echoed_, 0);
}

TEST_F(ConformanceTest, AnswersHttp10WithoutChunksAndCloses) {  // RFC 9112, 7.1 and 9.3
  release();
  for (const std::string path : {"/hello", "/stream", "/nothing"}) {
    SCOPED_TRACE(path);
    RawClient client = connect();
    const RawAnswer answer = ask(client, "GET " + path + " HTTP/1.0\r\n\r\n");
    EXPECT_TRUE(answer.head.starts_with("HTTP/1.1 ")) << answer.head;
    EXPECT_EQ(answer.header("Transfer-Encoding"), "");
    EXPECT_EQ(answer.header("Connection"), "close");
    EXPECT_TRUE(client.sees_close());
    if (path == "/stream") {
      EXPECT_EQ(answer.header("Content-Length"), "");
      EXPECT_EQ(answer.body, "chunk1;chunk2;chunk3;");
    }
  }
}

TEST_F(ConformanceTest, AnswersAClientThatEndedItsSide) {  // RFC 9112, 9.6
  release();
  for (const std::string path : {"/hello", "/stream", "/wait"}) {
    RawClient client = connect();
    client.send(request("GET " + path));
    client.finish_sending();
    EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).status, 200) << path;
    EXPECT_TRUE(client.sees_close()) << path;
  }
}

TEST_F(ConformanceTest, AnIncompleteRequestIsNotHandled) {  // RFC 9112, 8
  for (const std::string& complete :
       {kHello, post("/echo", "abc"), chunked("3\r\nabc\r\n0\r\n\r\n")}) {
    for (std::size_t size = 1; size < complete.size(); ++size) {
      RawClient client = connect();
      client.send(complete.substr(0, size));
      client.finish_sending();
      EXPECT_NE(client.read_answer().value_or(RawAnswer{}).status, 200) << size << complete;
      EXPECT_TRUE(client.sees_close());
    }
  }
  EXPECT_EQ(echoed_, 0);
}

// Closing with unread input would reset the connection, and discard what is not sent yet.
TEST_F(ConformanceTest, InputAfterTheLastRequestDoesNotDestroyTheResponse) {  // RFC 9112, 9.6
  for (const std::string& more : {std::string("\r\n"), kHello, std::string(100'000, 'x')}) {
    RawClient client(port(), 4096);
    client.send(request("GET /long", "Connection: close\r\n"));
    EXPECT_TRUE(tests::eventually([&] { return !client.is_idle(); }));  // the response has begun
    client.send(more);
    EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).body.size(), kLongBytes);
  }
}

TEST_F(ConformanceTest, AnEarlyResponseReachesAClientThatIsStillSending) {  // RFC 9112, 9.6
  const std::string body(300'000, 'x');
  for (const ConformanceCase& row :
       {ConformanceCase{"", "too long", post("/echo", body), 413},
        ConformanceCase{"", "malformed", "GET /hello\r\n\r\n" + body, 400},
        ConformanceCase{"", "no such path", post("/nothing", body), 404},
        ConformanceCase{"", "bad chunk", chunked("x\r\n" + body), 400}}) {
    SCOPED_TRACE(row.what);
    RawClient client = connect();
    client.send(row.bytes);
    EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).status, row.status);
    EXPECT_TRUE(client.sees_close());
  }
}

}  // namespace
}  // namespace common
