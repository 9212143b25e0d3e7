#include "common/http/head_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/splits.h"

namespace common {
namespace {

using std::string_literals::operator""s;

// "METHOD PATH ?QUERY 1.0|1.1 NAME=VALUE... body", or "STATUS", or "incomplete".
std::string take(HeadParser& parser) {
  if (parser.state() == ParseState::kNeedMore) return "incomplete";
  if (parser.state() == ParseState::kMalformed) {
    EXPECT_FALSE(parser.error().detail.empty());
    EXPECT_EQ(parser.feed("GET / HTTP/1.1\r\n"), 0U);
    return std::to_string(parser.error().status);
  }
  EXPECT_EQ(parser.feed("GET / HTTP/1.1\r\n"), 0U);
  const RequestHead head = parser.take_head();
  std::string text = head.method + ' ' + head.target.path + " ?" + head.target.query +
                     (head.is_http_1_0 ? " 1.0" : " 1.1");
  for (const auto& [name, value] : head.headers) text.append(" ").append(name) += "=" + value;
  if (head.framing.chunked) text += " chunked";
  if (head.framing.length > 0) text += " length " + std::to_string(head.framing.length);
  return text;
}

// Feeds the input, followed by another request, in all splits. They must give the same result.
std::pair<std::string, std::size_t> read_and_count(const std::string& input,
                                                   std::size_t max_bytes = kMaxHeadBytes) {
  const std::string sent = input + "GET /next HTTP/1.1\r\nHost: h\r\n\r\n";
  std::pair<std::string, std::size_t> first;
  for (const tests::Pieces& pieces : tests::all_splits(sent)) {
    HeadParser parser(max_bytes);
    const std::size_t consumed = tests::feed_all(parser, pieces);
    const auto result = std::pair(take(parser), consumed);
    if (pieces.size() == 1) first = result;
    EXPECT_EQ(result, first) << testing::PrintToString(input) << " split at " << pieces[0].size();
    EXPECT_LE(consumed, max_bytes + 2);  // an empty line before the head does not count
  }
  return first;
}

// The result of an input that must be consumed as a whole, if it is a head.
std::string read_head(const std::string& input) {
  const auto [result, consumed] = read_and_count(input);
  if (result.size() > 3) {
    EXPECT_EQ(consumed, input.size()) << testing::PrintToString(input);
  }
  return result;
}

const std::string kLine = "GET / HTTP/1.1\r\n";
const std::string kHostField = "Host: h\r\n";

TEST(HeadParser, ReadsRequestLineAndHeadersInTheirOrder) {
  EXPECT_EQ(read_head("GET /a?b HTTP/1.1\r\nHost: h\r\nB: 2\r\na: 1\r\nB:3\r\n\r\n"),
            "GET /a ?b 1.1 Host=h B=2 a=1 B=3");
  EXPECT_EQ(read_head("a!#$%&'*+-.^_`|~9 * HTTP/1.1\r\nhOST:h\r\n\r\n"),
            "a!#$%&'*+-.^_`|~9 * ? 1.1 hOST=h");
  EXPECT_EQ(read_head("GET http://g/%69 HTTP/1.1\r\nHost: h\r\n\r\n"), "GET /i ? 1.1 Host=h");
  EXPECT_EQ(read_head("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"),
            "POST / ? 1.1 Host=h Content-Length=5 length 5");
  EXPECT_EQ(read_head("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "POST / ? 1.1 Host=h Transfer-Encoding=chunked chunked");
}

TEST(HeadParser, RemovesSpaceAroundValuesAndNothingElse) {
  // RFC 9112, section 5.1; RFC 9110, section 5.5.
  const std::vector<std::pair<std::string, std::string>> table = {
      {"A: \t x  y \t", "x  y"},
      {"A:", ""},
      {"A: ", ""},
      {"A:\t", ""},
      {"A: b:c", "b:c"},
      {"A: \"b\tc\"", "\"b\tc\""},
      {"A: \xC3\xA9\xFF", "\xC3\xA9\xFF"},
      {"A: %63", "%63"},
  };
  for (const auto& [header, value] : table) {
    EXPECT_EQ(read_head(kLine + kHostField + header + "\r\n\r\n"), "GET / ? 1.1 Host=h A=" + value);
  }
}

TEST(HeadParser, SkipsOneEmptyLineBeforeTheRequestLine) {
  // RFC 9112, section 2.2.
  EXPECT_EQ(read_head("\r\n" + kLine + kHostField + "\r\n"), "GET / ? 1.1 Host=h");
  EXPECT_EQ(read_head("\r\n\r\n" + kLine + kHostField + "\r\n"), "400");
  EXPECT_EQ(read_head("\n" + kLine + kHostField + "\r\n"), "400");
  EXPECT_EQ(read_head(" \r\n" + kLine + kHostField + "\r\n"), "400");
}

TEST(HeadParser, VersionIs10OrALater1) {
  // RFC 9112, section 2.3; RFC 9110, sections 2.5 and 15.6.6.
  const std::vector<std::pair<std::string, std::string>> table = {
      {"HTTP/1.1", "GET / ? 1.1 Host=h"},
      {"HTTP/1.0", "GET / ? 1.0 Host=h"},
      {"HTTP/1.2", "GET / ? 1.1 Host=h"},
      {"HTTP/1.9", "GET / ? 1.1 Host=h"},
      {"HTTP/2.0", "505"},
      {"HTTP/0.9", "505"},
      {"HTTP/3.0", "505"},
      {"HTTP/1", "400"},
      {"HTTP/2", "400"},
      {"HTTP/1.", "400"},
      {"HTTP/.1", "400"},
      {"HTTP/1.10", "400"},
      {"HTTP/11.1", "400"},
      {"http/1.1", "400"},
      {"Http/1.1", "400"},
      {"HTTP 1.1", "400"},
      {"HTTP/1,1", "400"},
      {"HTTP/a.1", "400"},
      {"HTTP/1.a", "400"},
      {"HTTPS/1.1", "400"},
      {"HTTP/-1.1", "400"},
      {"xHTTP/1.1", "400"},
      {"", "400"},
  };
  for (const auto& [version, result] : table) {
    EXPECT_EQ(read_head("GET / " + version + "\r\n" + kHostField + "\r\n"), result) << version;
  }
  EXPECT_EQ(read_head("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "505");  // RFC 9113, section 3.4
}

TEST(HeadParser, RequestLineIsStrict) {
  // RFC 9112, section 3.
  for (const std::string& line :
       {"GET /"s,  // HTTP/0.9, which waits for the response after this line
        "GET"s,
        "GET  / HTTP/1.1"s,
        "GET /  HTTP/1.1"s,
        " GET / HTTP/1.1"s,
        "GET / HTTP/1.1 "s,
        "GET\t/\tHTTP/1.1"s,
        "GET / \tHTTP/1.1"s,
        "GET /a b HTTP/1.1"s,
        "GET HTTP/1.1"s,
        "GET  HTTP/1.1"s,
        " / HTTP/1.1"s,
        "G(T / HTTP/1.1"s,
        "GET: / HTTP/1.1"s,
        "G\xC3\xA9T / HTTP/1.1"s,
        "GET hello HTTP/1.1"s,
        "GET /%zz HTTP/1.1"s,
        "GET /%u0069 HTTP/1.1"s,
        "GET /\xC3\xA9 HTTP/1.1"s,
        "GET /a#b HTTP/1.1"s,
        "CONNECT h:80 HTTP/1.1"s,
        "GET https://h/ HTTP/1.1"s}) {
    EXPECT_EQ(read_head(line + "\r\n" + kHostField + "\r\n"), "400") << line;
    HeadParser parser;
    parser.feed(line + "\r\n");
    EXPECT_EQ(take(parser), "400") << "at the end of its line: " << line;
  }
}

TEST(HeadParser, LinesThatCouldBeReadInTwoWaysAreMalformed) {
  // RFC 9112, sections 2.2, 5 and 5.2; RFC 9110, section 5.5.
  const std::string start = kLine + kHostField;
  for (const std::string& input :
       {"GET / HTTP/1.1\nHost: h\n\n"s,                      // no CR
        "GET / HTTP/1.1\r\r\nHost: h\r\n\r\n"s,              //
        "GET /\rHTTP/1.1\r\nHost: h\r\n\r\n"s,               //
        "GET /\0 HTTP/1.1\r\n\r\n"s,                         //
        start + "Transfer-Encoding: chunked\n\r\n",          // no CR
        start + "A: b\rTransfer-Encoding: chunked\r\n\r\n",  // CR alone
        start + "A: b\r\r\n\r\n",                            //
        start + "\n",                                        //
        start + "\rGET",                                     //
        start + "Transfer-Encoding : chunked\r\n\r\n",       // space before the colon
        start + "A\t: b\r\n\r\n",                            //
        start + " Transfer-Encoding: chunked\r\n\r\n",       // space before the name
        kLine + " \r\n" + kHostField + "\r\n",               //
        start + "A: b\r\n Transfer-Encoding: chunked\r\n",   // a continued line
        start + "A: b\r\n\tc\r\n\r\n",                       //
        start + "no colon\r\n\r\n",                          //
        start + ": no name\r\n\r\n",                         //
        start + "A\0: b\r\n\r\n"s,                           //
        start + "A: b\0c\r\n\r\n"s,                          //
        start + "A: b\x01\r\n\r\n",                          //
        start + "A: b\x1f\r\n\r\n",                          //
        start + "A: b\x7f\r\n\r\n",                          //
        start + "A(: b\r\n\r\n",                             //
        start + "A b: c\r\n\r\n",                            //
        start + "\xC3\xA9: b\r\n\r\n"}) {
    EXPECT_EQ(read_head(input), "400") << testing::PrintToString(input);
  }
}

TEST(HeadParser, IsMalformedAtTheFirstControlCharacter) {
  for (const std::string& input : {"\x16\x03\x01\x02"s /* TLS */, "\0"s, "GET /\x01"s}) {
    const auto [result, consumed] = read_and_count(input);
    EXPECT_EQ(result, "400");
    EXPECT_EQ(consumed, input.find_first_of("\x16\x01\0"s) + 1);
  }
}

TEST(HeadParser, HostIsSingleAndValid) {
  // RFC 9112, section 3.2; for the syntax see request_target_test.cpp.
  const std::vector<std::pair<std::string, std::string>> table = {
      {"Host: h\r\n", "ok ok"},
      {"host: h:80\r\n", "ok ok"},
      {"Host: [::1]:80\r\n", "ok ok"},
      {"Host:\r\n", "ok ok"},
      {"", "400 ok"},
      {"Hos: h\r\n", "400 ok"},
      {"Host: h\r\nHost: h\r\n", "400 400"},
      {"Host: h\r\nhost: i\r\n", "400 400"},
      {"Host: h\r\nA: b\r\nHost:\r\n", "400 400"},
      {"Host:\r\nHost: h\r\n", "400 400"},
      {"Host: h i\r\n", "400 400"},
      {"Host: h, i\r\n", "400 400"},
      {"Host: h/\r\n", "400 400"},
      {"Host: http://h\r\n", "400 400"},
      {"Host: u@h\r\n", "400 400"},
      {"Host: :80\r\n", "400 400"},
      {"Host: h:x\r\n", "400 400"},
      {"Host: ::1\r\n", "400 400"},
      {"Host: \xC3\xA9\r\n", "400 400"},
  };
  for (const auto& [headers, results] : table) {
    for (const std::string target : {"/", "http://h/", "*"}) {
      std::string actual;
      for (const std::string version : {"1.1", "1.0"}) {
        const std::string result =
            read_head("GET " + target + " HTTP/" + version + "\r\n" + headers + "\r\n");
        actual += (actual.empty() ? "" : " ") + (result.size() > 3 ? "ok" : result);
      }
      EXPECT_EQ(actual, results) << target << " " << headers;
    }
  }
}

TEST(HeadParser, FramingIsUnambiguous) {
  // RFC 9112, sections 6.1 to 6.3; for the table see body_parser_test.cpp.
  for (const std::string headers :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"}) {
    EXPECT_EQ(read_head(kLine + kHostField + headers + "\r\n"), "400") << headers;
  }
  EXPECT_EQ(read_head("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), "400");
}

TEST(HeadParser, HasAtMostAHundredHeaders) {
  std::string lines = kHostField;
  for (int i = 1; i < 100; ++i) lines += "A: b\r\n";
  EXPECT_EQ(read_head(kLine + lines + "\r\n").substr(0, 18), "GET / ? 1.1 Host=h");
  EXPECT_EQ(read_head(kLine + lines + "A: b\r\n\r\n"), "431");
}

TEST(HeadParser, HasAtMostItsMaximumOfBytes) {
  const std::string head = kLine + kHostField + "A: b\r\n\r\n";
  EXPECT_EQ(read_and_count(head, head.size()), std::pair("GET / ? 1.1 Host=h A=b"s, head.size()));
  for (std::size_t max = 1; max < head.size(); ++max) {
    EXPECT_EQ(read_and_count(head, max), std::pair(max < kLine.size() ? "414"s : "431"s, max));
  }
  EXPECT_EQ(read_and_count("\r\n" + head, 2), std::pair("414"s, 4UL));
}

TEST(HeadParser, LargestHeadIsTheDefaultLimit) {
  const std::string begin = kLine + kHostField + "A: ";
  const std::string value(kMaxHeadBytes - begin.size() - 4, 'x');
  HeadParser parser;
  EXPECT_EQ(parser.feed(begin + value + "\r\n\r\n"), kMaxHeadBytes);
  EXPECT_EQ(take(parser), "GET / ? 1.1 Host=h A=" + value);
  EXPECT_EQ(parser.feed(begin + value + "x\r\n\r\n"), kMaxHeadBytes);
  EXPECT_EQ(take(parser), "431");
  HeadParser other;
  EXPECT_EQ(other.feed("GET /" + value + value), kMaxHeadBytes);
  EXPECT_EQ(take(other), "414");
}

TEST(HeadParser, NeedsMoreUntilTheEmptyLine) {
  const std::string head = kLine + kHostField + "\r\n";
  HeadParser parser;
  EXPECT_FALSE(parser.has_begun());
  EXPECT_EQ(parser.feed("\r\n"), 2U);
  EXPECT_FALSE(parser.has_begun());
  for (const char c : head.substr(0, head.size() - 1)) {
    EXPECT_EQ(parser.feed({&c, 1}), 1U);
    EXPECT_EQ(take(parser), "incomplete");
    EXPECT_TRUE(parser.has_begun());
  }
}

TEST(HeadParser, ReadsOneHeadAfterAnother) {
  std::string_view sent =
      "GET /1 HTTP/1.0\r\nA: b\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET";
  HeadParser parser;
  sent.remove_prefix(parser.feed(sent));
  EXPECT_EQ(take(parser), "GET /1 ? 1.0 A=b");
  EXPECT_FALSE(parser.has_begun());
  sent.remove_prefix(parser.feed(sent));
  EXPECT_EQ(take(parser), "GET /2 ? 1.1 Host=h");
  EXPECT_EQ(parser.feed(sent), 3U);
  EXPECT_EQ(take(parser), "incomplete");
}

}  // namespace
}  // namespace common
