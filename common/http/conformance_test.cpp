// What the standards say about heads of requests. Each row names its section.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/http/conformance_fixture.h"
#include "common/http/server_fixture.h"
#include "tests/support/raw_client.h"

namespace common {
namespace {

using tests::RawAnswer;
using tests::RawClient;
using namespace std::string_literals;

const std::string kHost = "\r\nHost: h\r\n\r\n";

// ------------------------------------------------------------------ request line

TEST_F(ConformanceTest, AcceptsRequestLines) {
  expect_answered({
      {"RFC 9112, 2.2", "one empty line before it", "\r\n" + kHello, 200},
      {"RFC 9110, 2.5", "a later minor version", "GET /hello HTTP/1.2" + kHost, 200},
      {"RFC 9110, 2.5", "the latest minor version", "GET /hello HTTP/1.9" + kHost, 200},
      {"RFC 9112, 2.3", "HTTP/1.0", "GET /hello HTTP/1.0\r\n\r\n", 200},
      {"RFC 9112, 3.2.2", "absolute form", "GET http://other/hello HTTP/1.1" + kHost, 200},
      {"RFC 9112, 3.2.2", "with port", "GET http://other:1/hello HTTP/1.1" + kHost, 200},
      {"RFC 3986, 3.1", "scheme in upper case", "GET HTTP://other/hello HTTP/1.1" + kHost, 200},
      {"RFC 9112, 3.2.2", "without path", "GET http://other HTTP/1.1" + kHost, 404},
      {"RFC 9112, 3.2.4", "asterisk form", "OPTIONS * HTTP/1.1" + kHost, 404},
      {"RFC 9110, 15.5.6", "method of no route", "DELETE /hello HTTP/1.1" + kHost, 405},
      {"RFC 9110, 15.5.6", "OPTIONS", "OPTIONS /hello HTTP/1.1" + kHost, 405},
      {"RFC 9110, 9.3.8", "TRACE", "TRACE /hello HTTP/1.1" + kHost, 405},
      {"RFC 5789", "PATCH", "PATCH /hello HTTP/1.1" + kHost, 405},
      {"RFC 9110, 9.1", "unknown method", "BREW /hello HTTP/1.1" + kHost, 501},
      {"RFC 9110, 9.1", "unknown method and path", "BREW /nothing HTTP/1.1" + kHost, 501},
      {"RFC 9110, 9.1", "method in lower case", "get /hello HTTP/1.1" + kHost, 501},
      {"RFC 9110, 9.1", "any token", "!#$%&'*+-.^_`|~ /hello HTTP/1.1" + kHost, 501},
  });
}

TEST_F(ConformanceTest, RefusesRequestLines) {
  expect_refused({
      {"RFC 9112, 2.2", "two empty lines before it", "\r\n\r\n" + kHello, 400},
      {"RFC 9112, 2.2", "bare LF before it", "\n" + kHello, 400},
      {"RFC 9112, 2.2", "bare LF at its end", "GET /hello HTTP/1.1\nHost: h\r\n\r\n", 400},
      {"RFC 9112, 2.2", "bare CR", "GET /he\rllo HTTP/1.1" + kHost, 400},
      {"RFC 9112, 3", "two spaces before the target", "GET  /hello HTTP/1.1" + kHost, 400},
      {"RFC 9112, 3", "two spaces after the target", "GET /hello  HTTP/1.1" + kHost, 400},
      {"RFC 9112, 3", "space before the method", " GET /hello HTTP/1.1" + kHost, 400},
      {"RFC 9112, 3", "space after the version", "GET /hello HTTP/1.1 " + kHost, 400},
      {"RFC 9112, 3", "tab after the method", "GET\t/hello HTTP/1.1" + kHost, 400},
      {"RFC 9112, 3", "tab after the target", "GET /hello\tHTTP/1.1" + kHost, 400},
      {"RFC 9112, 3", "four parts", "GET /hello x HTTP/1.1" + kHost, 400},
      {"RFC 9112, 3", "only a method", "GET", 400},
      {"RFC 9112, 3", "no version (HTTP/0.9)", "GET /hello", 400},
      {"RFC 9112, 3", "no target", "GET HTTP/1.1" + kHost, 400},
      {"RFC 9110, 9.1", "method that is no token", "G(T /hello HTTP/1.1" + kHost, 400},
      {"RFC 9110, 9.1", "method outside ASCII", "G\xC3\x89T /hello HTTP/1.1" + kHost, 400},
      {"RFC 9112, 2.3", "version in lower case", "GET /hello http/1.1" + kHost, 400},
      {"RFC 9112, 2.3", "two digits", "GET /hello HTTP/1.10" + kHost, 400},
      {"RFC 9112, 2.3", "leading zero", "GET /hello HTTP/01.1" + kHost, 400},
      {"RFC 9112, 2.3", "no minor version", "GET /hello HTTP/1" + kHost, 400},
      {"RFC 9112, 2.3", "no digit", "GET /hello HTTP/1.x" + kHost, 400},
      {"RFC 9110, 15.6.6", "HTTP/2.0", "GET /hello HTTP/2.0" + kHost, 505},
      {"RFC 9110, 15.6.6", "HTTP/3.0", "GET /hello HTTP/3.0" + kHost, 505},
      {"RFC 9110, 15.6.6", "HTTP/0.9", "GET /hello HTTP/0.9" + kHost, 505},
      {"RFC 9113, 3.4", "preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"RFC 8446, 4.1.2", "TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, 400},
      {"RFC 9110, 5.5", "NUL bytes", "\x00\x01\x02\x03"s, 400},
      {"RFC 9110, 15.5.15", "over the limit", "GET /" + std::string(40'000, 'x'), 414},
      {"RFC 9110, 15.5.15", "method without end", std::string(40'000, 'x'), 414},
  });
}

TEST_F(ConformanceTest, FindsPathsByTheirDecodedForm) {
  const auto get = [](const std::string& target) { return request("GET " + target); };
  expect_answered({
      {"RFC 3986, 6.2.2.2", "escaped letter", get("/%68ello"), 200},
      {"RFC 3986, 2.1", "escape in upper and lower case", get("/hell%6F"), 200},
      {"RFC 3986, 3.4", "empty query", get("/hello?"), 200},
      {"bad-inputs", "unknown query parameter", get("/hello?x=y"), 400},
      {"bad-inputs", "in absolute form", get("http://other/hello?x"), 400},
      {"RFC 3986, 2.2", "escaped slash", get("/%2Fhello"), 404},
      {"RFC 3986, 2.2", "escaped slash in lower case", get("/hello%2f"), 404},
      {"RFC 3986, 2.2", "escaped slash as the first one", get("/%2Fhello"), 404},
      {"RFC 3986, 2.4", "escape of an escape", get("/%2568ello"), 404},
      {"RFC 3986, 2.4", "escape of an escaped slash", get("/%252Fhello"), 404},
      {"RFC 3986, 3.4", "escaped question mark", get("/hello%3F"), 404},
      {"RFC 3986, 3.3", "empty segment", get("//hello"), 404},
      {"RFC 3986, 3.3", "slash at the end", get("/hello/"), 404},
      {"RFC 3986, 6.2.2.1", "other case", get("/HELLO"), 404},
      {"RFC 3986, 3.3", "dot segment", get("/./hello"), 404},
      {"RFC 3986, 3.3", "two dots", get("/x/../hello"), 404},
      {"RFC 3986, 3.3", "escaped dots", get("/%2e%2e/hello"), 404},
      {"RFC 3986, 2.1", "escaped NUL", get("/hello%00"), 404},
      {"RFC 3986, 2.1", "escaped line break", get("/hello%0d%0aX:%20y"), 404},
      {"RFC 3986, 2.1", "not UTF-8", get("/%ff%fe"), 404},
  });
}

TEST_F(ConformanceTest, RefusesTargets) {
  const auto get = [](const std::string& target) { return request("GET " + target); };
  expect_refused({
      {"RFC 3986, 2.1", "no hexadecimal digits", get("/%zz"), 400},
      {"RFC 3986, 2.1", "escape of another language", get("/%u0069nvoices"), 400},
      {"RFC 3986, 2.1", "percent at the end", get("/hello%"), 400},
      {"RFC 3986, 2.1", "one digit", get("/hello%2"), 400},
      {"RFC 3986, 2.1", "one digit in the query", get("/hello?%2"), 400},
      {"RFC 3986, 2.1", "sign in an escape", get("/%+6ello"), 400},
      {"RFC 9112, 3.2", "no slash", get("hello"), 400},
      {"RFC 9112, 3.2.3", "authority form", "CONNECT other:80 HTTP/1.1" + kHost, 400},
      {"RFC 9112, 3.2.4", "asterisk and more", "OPTIONS *x HTTP/1.1" + kHost, 400},
      {"RFC 9112, 3.2", "fragment", get("/hello#x"), 400},
      {"RFC 3986, 2", "backslash", get("/\\hello"), 400},
      {"RFC 3986, 2", "quotation mark", get("/hello\""), 400},
      {"RFC 3986, 2", "bytes outside ASCII", get("/\xff\xfe"), 400},
      {"RFC 3986, 2", "NUL", get("/he\0llo"s), 400},
      {"RFC 9110, 4.2.2", "other scheme", get("https://other/hello"), 400},
      {"RFC 9110, 4.2.1", "no host", get("http:///hello"), 400},
      {"RFC 9110, 4.2.4", "user information", get("http://user@other/hello"), 400},
      {"RFC 3986, 3.2.3", "port out of range", get("http://other:65536/hello"), 400},
  });
}

// ------------------------------------------------------------------ headers

TEST_F(ConformanceTest, AcceptsHosts) {
  const auto host = [](const std::string& value) {
    return "GET /hello HTTP/1.1\r\nHost:" + value + "\r\n\r\n";
  };
  expect_answered({
      {"RFC 9110, 7.2", "name and port", host(" example.com:8080"), 200},
      {"RFC 9110, 7.2", "no space before it", host("example.com"), 200},
      {"RFC 9112, 3.2", "empty", host(""), 200},
      {"RFC 3986, 3.2.2", "IPv4", host(" 127.0.0.1:80"), 200},
      {"RFC 3986, 3.2.2", "IPv6", host(" [::1]:80"), 200},
      {"RFC 3986, 3.2.3", "empty port", host(" h:"), 200},
      {"RFC 9112, 3.2", "none in HTTP/1.0", "GET /hello HTTP/1.0\r\n\r\n", 200},
      {"RFC 9112, 3.2", "in HTTP/1.0", "GET /hello HTTP/1.0" + kHost, 200},
  });
}

TEST_F(ConformanceTest, RefusesHosts) {
  std::vector<ConformanceCase> rows = {
      {"RFC 9112, 3.2", "none in HTTP/1.1", "GET /hello HTTP/1.1\r\n\r\n", 400},
      {"RFC 9112, 3.2", "none in HTTP/1.2", "GET /hello HTTP/1.2\r\n\r\n", 400},
      {"RFC 9112, 3.2", "none with absolute form", "GET http://h/hello HTTP/1.1\r\n\r\n", 400},
  };
  for (const std::string version : {"HTTP/1.0", "HTTP/1.1"}) {
    for (const std::string value :
         {"a b", "a/b", "http://a", "user@a", "a:b", "a:65536", "::1", "[::1", "[x]", ":80", "%zz",
          "\xff", "a\r\nHost: a", "a\r\nhost: b", "\r\nHost: a"}) {
      for (const std::string target : {"/hello", "http://other/hello"}) {
        rows.push_back({"RFC 9112, 3.2", version + " " + value,
                        "GET " + target + " " + version + "\r\nHost: " + value + "\r\n\r\n", 400});
      }
    }
  }
  expect_refused(rows);
}

TEST_F(ConformanceTest, RefusesHeaders) {
  const auto get = [](const std::string& headers) { return request("GET /hello", headers); };
  std::string many;
  for (int i = 0; i < 100; ++i) many += "A: b\r\n";
  expect_refused({
      {"RFC 9112, 5", "no colon", get("no colon\r\n"), 400},
      {"RFC 9112, 5.1", "space before the colon", get("A : b\r\n"), 400},
      {"RFC 9112, 5.1", "tab before the colon", get("A\t: b\r\n"), 400},
      {"RFC 9110, 5.1", "no name", get(": b\r\n"), 400},
      {"RFC 9110, 5.1", "name that is no token", get("A(: b\r\n"), 400},
      {"RFC 9112, 5.2", "folded with a space", get("A: b\r\n c\r\n"), 400},
      {"RFC 9112, 5.2", "folded with a tab", get("A: b\r\n\tc\r\n"), 400},
      {"RFC 9112, 2.2", "space before the first one", "GET /hello HTTP/1.1\r\n Host: h\r\n\r\n",
       400},
      {"RFC 9112, 2.2", "bare LF", get("A: b\nC: d\r\n"), 400},
      {"RFC 9110, 5.5", "bare CR", get("A: b\rC: d\r\n"), 400},
      {"RFC 9110, 5.5", "NUL", get("A: b\0\r\n"s), 400},
      {"RFC 9110, 5.5", "control character", get("A: b\x07\r\n"), 400},
      {"RFC 9110, 5.5", "DEL", get("A: b\x7f\r\n"), 400},
      {"RFC 6585, 5", "too many", get(many), 431},
      {"RFC 6585, 5", "too long", get("A: " + std::string(40'000, 'x')), 431},
      {"RFC 6585, 5", "name without end", get(std::string(40'000, 'x')), 431},
  });
}

TEST_F(ConformanceTest, IgnoresWhatItDoesNotOffer) {
  for (const std::string header :
       {"Range: bytes=0-1", "Range: bytes=9-1", "Range: bytes=99999999999999999999-", "Range: junk",
        "Accept-Encoding: gzip, br", "Accept: junk;q=nan", "Accept: ;;;,", "TE: trailers",
        "If-None-Match: *", "If-Modified-Since: Thu, 01 Jan 2099 00:00:00 GMT", "X: \xff\xfe",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk"}) {
    SCOPED_TRACE(header);
    RawClient client = connect();
    const RawAnswer answer = ask(client, request("GET /hello", header + "\r\n"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "hello");
    EXPECT_EQ(answer.header("Content-Encoding"), "");
  }
}

TEST_F(ConformanceTest, NamesTheAllowedMethods) {  // RFC 9110, 10.2.1
  EXPECT_EQ(connect().ask(request("PUT /hello")).header("Allow"), "GET, HEAD");
  EXPECT_EQ(connect().ask(request("GET /echo")).header("Allow"), "POST");
}

}  // namespace
}  // namespace common
