// What the standards say about bodies of requests. Each row names its section.

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

std::string json(const std::string& type) {
  return request("POST /json", "Content-Length: 2\r\nContent-Type: " + type + "\r\n", "{}");
}

TEST_F(ConformanceTest, AcceptsBodies) {
  const std::string chunk = "3\r\nabc\r\n0\r\n\r\n";
  expect_answered({
      {"RFC 9112, 6.3", "no length", echo(""), 200},
      {"RFC 9110, 8.6", "length", echo("Content-Length: 3\r\n", "abc"), 200},
      {"RFC 9110, 8.6", "zero", echo("Content-Length: 0\r\n"), 200},
      {"RFC 9110, 8.6", "leading zeros", echo("Content-Length: 003\r\n", "abc"), 200},
      {"RFC 9110, 8.6", "the same twice", echo("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"),
       200},
      {"RFC 9112, 7", "coding in upper case", echo("Transfer-Encoding: CHUNKED\r\n", chunk), 200},
      {"RFC 9112, 7.1", "no content", chunked("0\r\n\r\n"), 200},
      {"RFC 9112, 7.1", "leading zeros", chunked("0003\r\nabc\r\n000\r\n\r\n"), 200},
      {"RFC 9112, 7.1.1", "extension", chunked("3;a=\"b\";c\r\nabc\r\n0;d\r\n\r\n"), 200},
      {"RFC 9112, 7.1.1", "space before it", chunked("3 ;a\r\nabc\r\n0\r\n\r\n"), 200},
      {"RFC 9112, 7.1.2", "trailers", chunked("0\r\nA: b\r\nContent-Length: 9\r\n\r\n"), 200},
  });
}

TEST_F(ConformanceTest, RefusesFramings) {
  const std::string coding = "Transfer-Encoding: chunked\r\n";
  const std::string end = "0\r\n\r\n";
  expect_refused({
      {"RFC 9112, 6.3", "length after coding", echo(coding + "Content-Length: 5\r\n", end), 400},
      {"RFC 9112, 6.3", "length before coding", echo("Content-Length: 5\r\n" + coding, end), 400},
      {"RFC 9112, 6.3", "length zero", echo("Content-Length: 0\r\n" + coding, end), 400},
      {"RFC 9112, 6.1", "coding in HTTP/1.0", "POST /echo HTTP/1.0\r\n" + coding + "\r\n" + end,
       400},
      {"RFC 9112, 6.1", "identity in HTTP/1.0",
       "GET /hello HTTP/1.0\r\nTransfer-Encoding: identity\r\n\r\n", 400},
      {"RFC 9112, 6.1", "repeated coding", echo(coding + coding, end), 400},
      {"RFC 9112, 6.1", "chunked twice", echo("Transfer-Encoding: chunked, chunked\r\n", end), 400},
      {"RFC 9112, 7.2", "gzip", echo("Transfer-Encoding: gzip, chunked\r\n", end), 400},
      {"RFC 9112, 7", "unknown coding", echo("Transfer-Encoding: xchunked\r\n", end), 400},
      {"RFC 9112, 7", "identity", echo("Transfer-Encoding: identity\r\n"), 400},
      {"RFC 9112, 7", "empty coding", echo("Transfer-Encoding:\r\n", end), 400},
      {"RFC 9112, 7", "parameter", echo("Transfer-Encoding: chunked;x\r\n", end), 400},
      {"RFC 9112, 7", "vertical tab",
       echo("Transfer-Encoding: \x0b"
            "chunked\r\n",
            end),
       400},
      {"RFC 9112, 5.1", "space after the name", echo("Transfer-Encoding : chunked\r\n", end), 400},
      {"RFC 9112, 2.2", "bare LF", echo("Transfer-Encoding: chunked\nX: y\r\n", end), 400},
      {"RFC 9112, 6.3", "on GET too", request("GET /hello", coding + "Content-Length: 5\r\n", end),
       400},
  });
}

TEST_F(ConformanceTest, RefusesLengths) {
  std::vector<ConformanceCase> rows = {
      {"RFC 9110, 8.6", "two different ones",
       echo("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"), 400},
      {"RFC 9110, 8.6", "two spellings", echo("Content-Length: 3\r\nContent-Length: 03\r\n", "abc"),
       400},
      {"RFC 9110, 8.6", "on GET", request("GET /hello", "Content-Length: x\r\n"), 400},
      {"RFC 9110, 15.5.14", "over the limit", echo("Content-Length: 1001\r\n"), 413},
      {"RFC 9110, 15.5.14", "the largest", echo("Content-Length: 18446744073709551615\r\n"), 413},
  };
  for (const std::string length : {"", "x", "-1", "+3", "3.0", "0x3", "3 3", "3, 3", "5, 5", "3,",
                                   "%33", "3\x0b", "1e3", "18446744073709551616", "\"3\""}) {
    rows.push_back(
        {"RFC 9110, 8.6", length, echo("Content-Length: " + length + "\r\n", "abc"), 400});
  }
  expect_refused(rows);
}

TEST_F(ConformanceTest, RefusesChunks) {
  std::vector<ConformanceCase> rows = {
      {"RFC 9112, 7.1", "content is longer", chunked("3\r\nabcd\r\n0\r\n\r\n"), 400},
      {"RFC 9112, 7.1", "content is shorter", chunked("5\r\nabc\r\n0\r\n\r\n"), 400},
      {"RFC 9112, 7.1", "no line end after it", chunked("3\r\nabc0\r\n\r\n"), 400},
      {"RFC 9112, 7.1", "bare LF after the size", chunked("3\nabc\r\n0\r\n\r\n"), 400},
      {"RFC 9112, 7.1", "bare LF after the content", chunked("3\r\nabc\n0\r\n\r\n"), 400},
      {"RFC 9112, 7.1", "bare CR after the content", chunked("3\r\nabc\rX0\r\n\r\n"), 400},
      {"RFC 9112, 7.1.1", "bare LF in an extension", chunked("3;\nabc\r\n0\r\n\r\n"), 400},
      {"RFC 9112, 7.1.1", "bare CR in an extension", chunked("3;\rx\r\nabc\r\n0\r\n\r\n"), 400},
      {"RFC 9112, 7.1.2", "bare LF in a trailer", chunked("0\r\nA: b\n\r\n"), 400},
      {"RFC 9112, 7.1.1", "long extension", chunked("3;" + std::string(2000, 'x')), 400},
      {"RFC 9112, 7.1.2", "long trailer", chunked("0\r\n" + std::string(2000, 'x')), 400},
      {"RFC 9110, 15.5.14", "over the limit", chunked("3E9\r\n"), 413},
      {"RFC 9110, 15.5.14", "the largest", chunked("FFFFFFFFFFFFFFFF\r\n"), 413},
  };
  for (const std::string size : {"", "x", "-1", "+3", "0x3", " 3", "3 ", "3 x", "3x", "3,", "3.0",
                                 "_3", "10000000000000003", "3\t", "\xff"}) {
    rows.push_back({"RFC 9112, 7.1", "size " + size, chunked(size + "\r\nabc\r\n0\r\n\r\n"), 400});
  }
  expect_refused(rows);
}

TEST_F(ConformanceTest, AcceptsJsonInUtf8Only) {
  expect_answered({
      {"RFC 8259, 11", "no parameter", json("application/json"), 200},
      {"RFC 8259, 8.1", "lower case", json("application/json; charset=utf-8"), 200},
      {"RFC 9110, 8.3.2", "upper case", json("Application/JSON;Charset=UTF-8"), 200},
      {"RFC 9110, 5.6.6", "quoted", json("application/json; charset=\"utf-8\""), 200},
  });
  for (const std::string type : {"text/plain", "application/json; charset=latin1", "", "json",
                                 "application/json; charset=utf-16"}) {
    SCOPED_TRACE(type);
    RawClient client = connect();
    EXPECT_EQ(ask(client, json(type)).status, 415);  // RFC 9110, 15.5.16
  }
}

// A body that is not read is not a request (RFC 9112, 6.3).
TEST_F(ConformanceTest, BodiesThatAreNotReadAreNotRequests) {
  for (const std::string line : {"GET /hello", "POST /nothing", "DELETE /hello", "HEAD /hello",
                                 "BREW /hello", "GET /hello?x"}) {
    SCOPED_TRACE(line);
    const std::string smuggled = post("/echo", "abc");
    for (const std::string& bytes :
         {request(line, "Content-Length: " + std::to_string(smuggled.size()) + "\r\n", smuggled),
          request(line, "Transfer-Encoding: chunked\r\n", "0\r\n\r\n" + smuggled)}) {
      RawClient client = connect();
      client.send(bytes);
      const auto answer = client.read_answer(line == "HEAD /hello");
      ASSERT_TRUE(answer);
      EXPECT_EQ(answer->header("Connection"), "close");
      EXPECT_FALSE(client.read_answer());
    }
  }
  EXPECT_EQ(echoed_, 0);
}

TEST_F(ConformanceTest, AsksForABodyOnlyWhenItIsWanted) {  // RFC 9110, 10.1.1
  const std::string expect = "Expect: 100-continue\r\nContent-Length: ";
  RawClient client = connect();
  EXPECT_EQ(client.ask(echo(expect + "3\r\n")).status, 100);
  EXPECT_EQ(client.ask("abc").body, "abc");
  EXPECT_EQ(client.ask(kHello).body, "hello");
  EXPECT_EQ(client.ask(echo("Expect: 100-continue\r\n")).status, 200);  // there is no body
  EXPECT_EQ(client.ask(echo("expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n")).status, 100);
  EXPECT_EQ(client.ask("0\r\n\r\n").status, 200);

  RawClient http_1_0 = connect();
  EXPECT_EQ(http_1_0.ask("POST /echo HTTP/1.0\r\n" + expect + "3\r\n\r\nabc").status, 200);
  for (const ConformanceCase& row :
       {ConformanceCase{"", "too long", request("POST /echo", expect + "1001\r\n"), 413},
        ConformanceCase{"", "no path", request("POST /nothing", expect + "3\r\n"), 404},
        ConformanceCase{"", "no body is read", request("GET /hello", expect + "3\r\n"), 200},
        ConformanceCase{"", "no JSON", request("POST /json", expect + "3\r\n"), 415}}) {
    SCOPED_TRACE(row.what);
    RawClient unwanted = connect();
    EXPECT_EQ(unwanted.ask(row.bytes).status, row.status);
    EXPECT_TRUE(unwanted.sees_close());
  }
}

}  // namespace
}  // namespace common
