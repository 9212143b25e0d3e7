// What the conformance tests have in common: rows of requests, and what is true of every response.

#ifndef COMMON_HTTP_CONFORMANCE_FIXTURE_H_
#define COMMON_HTTP_CONFORMANCE_FIXTURE_H_

#include <gtest/gtest.h>

#include <ctime>
#include <string>
#include <vector>

#include "common/http/server_fixture.h"
#include "tests/support/raw_client.h"

namespace common {

struct ConformanceCase {
  std::string rule;  // the section
  std::string what;
  std::string bytes;
  int status;
};

inline bool is_imf_fixdate(const std::string& date) {
  std::tm utc{};
  const char* end = ::strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return date.size() == 29 && end != nullptr && *end == '\0';
}

// A POST /echo with these headers and this body.
inline std::string echo(const std::string& headers, const std::string& body = "") {
  return request("POST /echo", headers, body);
}
inline std::string chunked(const std::string& body) {
  return echo("Transfer-Encoding: chunked\r\n", body);
}
class ConformanceTest : public HttpServerTest {
 protected:
  void SetUp() override { start(); }

  // The first response to these bytes. Checks what is true of every response.
  tests::RawAnswer ask(tests::RawClient& client, const std::string& bytes) const {
    tests::RawAnswer answer = client.ask(bytes);
    EXPECT_TRUE(is_imf_fixdate(answer.header("Date"))) << answer.head;  // RFC 9110, 6.6.1
    EXPECT_NE(answer.header("X-Request-Id"), "") << answer.head;
    if (answer.status >= 400) {
      EXPECT_EQ(answer.header("Content-Type"), "application/problem+json");
    }
    return answer;
  }

  // The connection stays usable, unless the response says that it is closed.
  void expect_answered(const std::vector<ConformanceCase>& rows) const {
    for (const ConformanceCase& row : rows) {
      SCOPED_TRACE(row.rule + ": " + row.what);
      tests::RawClient client = connect();
      const tests::RawAnswer answer = ask(client, row.bytes);
      EXPECT_EQ(answer.status, row.status) << answer.body;
      if (answer.header("Connection") == "close") {
        EXPECT_TRUE(client.sees_close());
      } else {
        EXPECT_EQ(client.ask(kHello).body, "hello");
      }
    }
  }

  // The connection is closed, also if another request follows.
  void expect_refused(const std::vector<ConformanceCase>& rows) const {
    for (const ConformanceCase& row : rows) {
      SCOPED_TRACE(row.rule + ": " + row.what);
      tests::RawClient client = connect();
      const tests::RawAnswer answer =
          ask(client, row.bytes + "\r\n\r\n" + post("/echo", "smuggled"));
      EXPECT_EQ(answer.status, row.status) << answer.body;
      EXPECT_EQ(answer.header("Connection"), "close");
      EXPECT_FALSE(client.read_answer());
    }
    EXPECT_EQ(echoed_, 0);
    EXPECT_TRUE(serves());
  }
};

}  // namespace common

#endif  // COMMON_HTTP_CONFORMANCE_FIXTURE_H_
