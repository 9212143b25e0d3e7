#include "common/http/head.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>

namespace common {
namespace {

using namespace std::string_literals;

// As a connection that has all of `text` and then ends.
std::variant<RequestHead, HeadError> read(std::string_view text) {
  return read_head([&]() -> std::optional<std::string> {
    const auto end = std::find_if(text.begin(), text.end(), ends_head_line);
    if (end == text.end()) return std::nullopt;
    std::string line(text.begin(), end + 1);
    text.remove_prefix(line.size());
    return line;
  });
}

HttpHeaders headers_of(const std::string& lines) {
  const auto head = read("GET / HTTP/1.1\r\n" + lines + "\r\n");
  return std::holds_alternative<RequestHead>(head) ? std::get<RequestHead>(head).headers
                                                   : HttpHeaders{{"not", "a head"}};
}

TEST(HttpHead, IsARequestLineAndHeadersInTheirOrder) {
  const auto head = read("GET /a HTTP/1.1\r\nHost: h\r\nB: 2\r\na: 1\r\nB:3\r\n\r\nbody");
  ASSERT_TRUE(std::holds_alternative<RequestHead>(head));
  EXPECT_EQ(std::get<RequestHead>(head).request_line, "GET /a HTTP/1.1\r\n");
  EXPECT_EQ(std::get<RequestHead>(head).headers,
            (HttpHeaders{{"Host", "h"}, {"B", "2"}, {"a", "1"}, {"B", "3"}}));
}

TEST(HttpHead, ValuesLoseTheSpaceAroundThemAndNothingElse) {
  EXPECT_EQ(headers_of("A: \t x  y \t\r\n"), (HttpHeaders{{"A", "x  y"}}));
  EXPECT_EQ(headers_of("A:\r\n"), (HttpHeaders{{"A", ""}}));
  EXPECT_EQ(headers_of("A: \r\n"), (HttpHeaders{{"A", ""}}));
  EXPECT_EQ(headers_of("A: b:c\r\n"), (HttpHeaders{{"A", "b:c"}}));
  EXPECT_EQ(headers_of("A: \xC3\xA9\xFF\r\n"), (HttpHeaders{{"A", "\xC3\xA9\xFF"}}));
  // Values are not percent-encoded (RFC 9110, section 5.5).
  EXPECT_EQ(headers_of("Transfer-Encoding: %63hunked\r\n"),
            (HttpHeaders{{"Transfer-Encoding", "%63hunked"}}));
}

TEST(HttpHead, WhatCouldBeReadInTwoWaysIsMalformed) {
  const std::string request_line = "GET / HTTP/1.1\r\n";
  const std::string bad[] = {
      "GET /\r\n",                                               // HTTP/0.9
      "\r\n",                                                    //
      "GET / HTTP/1.1\nHost: h\n\n",                             // no CR
      "\x16\x03\x01\x02"s,                                       // TLS
      "GET /\0 HTTP/1.1\r\n"s,                                   //
      request_line + "Transfer-Encoding: chunked\n\r\n",         // no CR
      request_line + "A: b\rTransfer-Encoding: chunked\r\n",     // CR alone
      request_line + "Transfer-Encoding : chunked\r\n",          // space before the colon
      request_line + " Transfer-Encoding: chunked\r\n",          // space before the name
      request_line + "A: b\r\n Transfer-Encoding: chunked\r\n",  // a continued line
      request_line + "A: b\r\n\tc\r\n",
      request_line + "no colon\r\n",
      request_line + ": no name\r\n",
      request_line + "A\0: b\r\n"s,
      request_line + "A: b\0c\r\n"s,
      request_line + "A: b\x7f\r\n",
      request_line + "A(: b\r\n",
      request_line + "\xC3\xA9: b\r\n",
  };
  for (const std::string& head : bad) {
    const auto result = read(head);
    ASSERT_TRUE(std::holds_alternative<HeadError>(result)) << head;
    EXPECT_EQ(std::get<HeadError>(result), HeadError::kMalformed) << head;
  }
}

TEST(HttpHead, ThatEndsEarlyIsIncomplete) {
  const std::string whole = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto result = read(whole.substr(0, size));
    ASSERT_TRUE(std::holds_alternative<HeadError>(result)) << size;
    EXPECT_EQ(std::get<HeadError>(result), HeadError::kIncomplete) << size;
  }
}

TEST(HttpHead, HasAtMostAHundredHeaders) {
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += "A: b\r\n";
  EXPECT_EQ(headers_of(lines).size(), 100U);
  const auto result = read("GET / HTTP/1.1\r\n" + lines + "A: b\r\n\r\n");
  ASSERT_TRUE(std::holds_alternative<HeadError>(result));
  EXPECT_EQ(std::get<HeadError>(result), HeadError::kTooManyHeaders);
}

}  // namespace
}  // namespace common
