#include "common/http/body_parser.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/http/limits.h"
#include "tests/support/splits.h"

namespace common {
namespace {

using std::string_literals::operator""s;

constexpr BodyFraming kChunked{.chunked = true};

// "none", "chunked", "length N" or "refused".
std::string framing(const HttpHeaders& headers) {
  const auto framing = read_framing(headers, false);
  if (!framing) return "refused";
  if (framing->chunked) return "chunked";
  return framing->has_body() ? "length " + std::to_string(framing->length) : "none";
}

TEST(Framing, TakesALengthChunksOrNeither) {
  EXPECT_EQ(framing({}), "none");
  EXPECT_EQ(framing({{"Content-Type", "application/json"}}), "none");
  EXPECT_EQ(framing({{"Content-Length", "0"}}), "none");
  EXPECT_EQ(framing({{"content-length", "5"}}), "length 5");
  EXPECT_EQ(framing({{"CONTENT-LENGTH", "005"}}), "length 5");
  EXPECT_EQ(framing({{"Content-Length", "18446744073709551615"}}), "length 18446744073709551615");
  EXPECT_EQ(framing({{"Content-Length", "5"}, {"X", "y"}, {"Content-Length", "5"}}), "length 5");
  EXPECT_EQ(framing({{"Transfer-Encoding", "chunked"}}), "chunked");
  EXPECT_EQ(framing({{"transfer-encoding", "Chunked"}}), "chunked");
}

TEST(Framing, RefusesLengthsThatAreNotANumber) {
  for (const std::string& length : {""s,
                                    " "s,
                                    "-1"s,
                                    "+5"s,
                                    " 5"s,
                                    "5 "s,
                                    "\t5"s,
                                    "5\r"s,
                                    "5,5"s,
                                    "5, 5"s,
                                    "5;"s,
                                    "0x5"s,
                                    "5a"s,
                                    "a"s,
                                    "1e1"s,
                                    "5.0"s,
                                    "18446744073709551616"s,
                                    std::string(1'000, '9'),
                                    "5\0"s,
                                    "\xd9\xa5"s}) {
    EXPECT_EQ(framing({{"Content-Length", length}}), "refused") << length;
  }
}

TEST(Framing, RefusesWhatTwoReadersCouldTakeDifferently) {
  const std::vector<HttpHeaders> table = {
      {{"Content-Length", "5"}, {"Content-Length", "6"}},
      {{"Content-Length", "5"}, {"content-length", "05"}},
      {{"Content-Length", "5"}, {"Content-Length", ""}},
      {{"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}},
      {{"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}},
      {{"Transfer-Encoding", "chunked"}, {"Content-Length", "0"}},
      {{"Transfer-Encoding", "chunked"}, {"Content-Length", ""}},
      {{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}},
      {{"Transfer-Encoding", "chunked"}, {"transfer-encoding", "identity"}},
      {{"Transfer-Encoding", "identity"}, {"Content-Length", "5"}},
  };
  for (const HttpHeaders& headers : table) {
    EXPECT_EQ(framing(headers), "refused") << testing::PrintToString(headers);
  }
}

TEST(Framing, RefusesEveryCodingButChunked) {
  for (const std::string& coding :
       {""s, " "s, "identity"s, "gzip"s, "gzip, chunked"s, "chunked, gzip"s, "chunked, chunked"s,
        "chunked;q=1"s, " chunked"s, "chunked "s, "\tchunked"s,
        "\x0b"
        "chunked"s,
        "xchunked"s, "chunke"s, "\"chunked\""s, "chunked\0"s, "chun\xC3\xA9"s}) {
    EXPECT_EQ(framing({{"Transfer-Encoding", coding}}), "refused") << coding;
  }
}

TEST(Framing, RefusesTransferEncodingInHttp10) {
  // RFC 9112, section 6.1.
  EXPECT_FALSE(read_framing({{"Transfer-Encoding", "chunked"}}, true));
  EXPECT_FALSE(read_framing({{"Transfer-Encoding", "identity"}}, true));
  EXPECT_EQ(read_framing({{"Content-Length", "5"}}, true)->length, 5U);
  EXPECT_FALSE(read_framing({}, true)->has_body());
}

// The body in quotes, or "STATUS", or "incomplete".
std::string take(BodyParser& parser) {
  if (parser.state() == ParseState::kNeedMore) return "incomplete";
  EXPECT_EQ(parser.feed("next"), 0U);
  if (parser.state() == ParseState::kComplete) {
    const std::size_t size = parser.size();
    const std::string body = parser.take_body();
    EXPECT_EQ(body.size(), size);
    return '"' + body + '"';
  }
  EXPECT_FALSE(parser.error().detail.empty());
  return std::to_string(parser.error().status);
}

using Result = std::pair<std::string, std::size_t>;

// What becomes of the bytes in all splits, with the number of consumed ones.
Result read_and_count(const BodyFraming& framing, const std::string& sent, std::size_t max_bytes) {
  Result first;
  for (const tests::Pieces& pieces : tests::all_splits(sent)) {
    BodyParser parser(framing, max_bytes);
    const std::size_t consumed = tests::feed_all(parser, pieces);
    EXPECT_LE(parser.size(), max_bytes);
    const Result result(take(parser), consumed);
    if (pieces.size() == 1) first = result;
    EXPECT_EQ(result, first) << testing::PrintToString(sent) << " split at " << pieces[0].size();
  }
  return first;
}

// The result of chunks, followed by another request. A body must be consumed as a whole.
std::string read_chunked(const std::string& chunks, std::size_t max_bytes = 1024) {
  const auto [result, consumed] =
      read_and_count(kChunked, chunks + "GET / HTTP/1.1\r\n", max_bytes);
  if (result.starts_with('"')) {
    EXPECT_EQ(consumed, chunks.size()) << testing::PrintToString(chunks);
  }
  return result;
}

TEST(BodyOfALength, HasThatManyBytes) {
  // RFC 9112, section 6.2.
  EXPECT_EQ(read_and_count({.length = 5}, "helloGET / HTTP/1.1", 5), Result("\"hello\"", 5));
  EXPECT_EQ(read_and_count({.length = 5}, "he\0\r\nGET"s, 9), Result("\"he\0\r\n\""s, 5));
  EXPECT_EQ(read_and_count({.length = 5}, "hell", 5), Result("incomplete", 4));
}

TEST(BodyOfALength, IsCompleteAtOnceWithoutABody) {
  // RFC 9112, section 6.3.
  BodyParser parser({}, 0);
  EXPECT_EQ(take(parser), "\"\"");
}

TEST(BodyOfALength, IsTooLongBeforeAnythingIsRead) {
  for (const std::uint64_t length :
       {std::uint64_t{6}, std::uint64_t{1} << 40U, ~std::uint64_t{0}}) {
    BodyParser parser({.length = length}, 5);
    EXPECT_EQ(take(parser), "413");
  }
}

TEST(BodyOfALength, TakesMemoryForWhatWasReceivedOnly) {
  BodyParser parser({.length = std::uint64_t{1} << 40U}, std::size_t{1} << 41U);
  EXPECT_EQ(parser.feed("hello"), 5U);
  EXPECT_EQ(parser.size(), 5U);
  EXPECT_EQ(take(parser), "incomplete");
}

TEST(Chunks, ArePutTogether) {
  // RFC 9112, section 7.1.
  const std::vector<std::pair<std::string, std::string>> table = {
      {"0\r\n\r\n", ""},
      {"5\r\nhello\r\n0\r\n\r\n", "hello"},
      {"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello"},
      {"00005\r\nhello\r\n000\r\n\r\n", "hello"},
      {"a\r\n0123456789\r\n0\r\n\r\n", "0123456789"},
      {"A\r\n\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n\r\n\r\n\r\n"},
      {"5;name=value\r\nhello\r\n0\r\n\r\n", "hello"},
      {"5 \t; name = \"a b\"\r\nhello\r\n0;x\r\n\r\n", "hello"},
      {"5;\r\nhello\r\n0\r\n\r\n", "hello"},
      {"5;\x80\xff\r\nhello\r\n0\r\n\r\n", "hello"},
      {"0\r\nTrailer: x\r\nOther: y\r\n\r\n", ""},
  };
  for (const auto& [bytes, body] : table) {
    EXPECT_EQ(read_chunked(bytes), '"' + body + '"') << bytes;
  }
}

TEST(Chunks, RefuseSizesThatAreNotHexadecimal) {
  for (const std::string& size : {""s,
                                  " "s,
                                  "-1"s,
                                  "+1"s,
                                  "0x5"s,
                                  "x"s,
                                  "5x"s,
                                  "5 x"s,
                                  "5 5"s,
                                  "5\tx"s,
                                  " 5"s,
                                  "\t5"s,
                                  "5 "s,
                                  "5,"s,
                                  "5="s,
                                  ";"s,
                                  ";x"s,
                                  "g"s,
                                  "5.0"s,
                                  "1ffffffffffffffff"s,
                                  "fffffffffffffffff"s,
                                  "5\0"s,
                                  "\0"s,
                                  "\xff"s}) {
    EXPECT_EQ(read_chunked(size + "\r\nhello\r\n0\r\n\r\n"), "400") << size;
  }
}

TEST(Chunks, RefuseEndsOfLinesThatAnotherReaderWouldSeeElsewhere) {
  for (const std::string& bytes :
       {"5\nhello\r\n0\r\n\r\n"s, "5\rhello\r\n0\r\n\r\n"s, "5\r\r\nhello\r\n0\r\n\r\n"s,
        "5;x\ny\r\nhello\r\n0\r\n\r\n"s, "5;x\ry\r\nhello\r\n0\r\n\r\n"s,
        "5;x\0y\r\nhello\r\n0\r\n\r\n"s, "5;\x7f\r\nhello\r\n0\r\n\r\n"s, "5\r\nhello\n0\r\n\r\n"s,
        "5\r\nhello\r0\r\n\r\n"s, "5\r\nhello0\r\n\r\n"s, "5\r\nhello!\r\n0\r\n\r\n"s,
        "5\r\nhello \r\n0\r\n\r\n"s, "4\r\nhello\r\n0\r\n\r\n"s, "0\n\r\n"s, "0\r\n\n"s,
        "0\r\nTrailer: x\n\r\n"s, "0\r\nTrailer: x\ry\r\n\r\n"s}) {
    EXPECT_EQ(read_chunked(bytes), "400") << testing::PrintToString(bytes);
  }
}

TEST(Chunks, AreIncompleteWhereverTheyBreakOff) {
  const std::string whole = "5;x=y\r\nhello\r\n0\r\nTrailer: x\r\n\r\n";
  ASSERT_EQ(read_chunked(whole), "\"hello\"");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(read_and_count(kChunked, whole.substr(0, length), 1024),
              Result("incomplete", length));
  }
}

TEST(Chunks, AreRefusedOverTheLimitBeforeTheRestIsRead) {
  EXPECT_EQ(read_chunked("5\r\nhello\r\n0\r\n\r\n", 5), "\"hello\"");
  EXPECT_EQ(read_chunked("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", 5), "413");
  EXPECT_EQ(read_chunked("ffffffffffffffff\r\n", 5), "413");
  EXPECT_EQ(read_chunked("1\r\nx\r\nffffffffffffffff\r\n", 5), "413");
  EXPECT_EQ(read_and_count(kChunked, "6\r\nhello!\r\n0\r\n\r\n", 5), Result("413", 3));
}

TEST(Chunks, EndEvenWhenTheClientNeverDoes) {
  // Feeds the text again and again until the parser stops.
  const auto endless = [](const std::string& text) {
    BodyParser parser(kChunked, 1024);
    std::size_t consumed = 0;
    while (parser.state() == ParseState::kNeedMore && consumed < 1'000'000) {
      consumed += parser.feed(text);
    }
    return take(parser);
  };
  EXPECT_EQ(endless("1\r\nx\r\n"), "413");
  EXPECT_EQ(endless("0"), "400");
  EXPECT_EQ(endless("5;x"), "400");
  EXPECT_EQ(endless("0\r\n"), "400");  // all but the first are trailers
}

TEST(Chunks, TakeLinesAndTrailersUpToTheirLimits) {
  const std::string extension = ";" + std::string(1022, 'x');
  EXPECT_EQ(read_chunked("1" + extension + "\r\nx\r\n0\r\n\r\n"), "\"x\"");
  EXPECT_EQ(read_chunked("1" + extension + "x\r\nx\r\n0\r\n\r\n"), "400");
  std::string trailers;
  for (int i = 0; i < 32; ++i) trailers += "A: b\r\n";
  EXPECT_EQ(read_chunked("0\r\n" + trailers + "\r\n"), "\"\"");
  EXPECT_EQ(read_chunked("0\r\n" + trailers + "A: b\r\n\r\n"), "400");
}

std::string random_chunks(std::mt19937& random, std::string& body) {
  std::string bytes;
  for (auto chunks = random() % 5; chunks > 0; --chunks) {
    std::string chunk(1 + random() % 40, '\0');
    for (char& c : chunk) c = static_cast<char>(random() % 256);
    std::string size;
    for (std::size_t left = chunk.size(); left > 0; left /= 16) {
      size.insert(0, 1, "0123456789abcdef"[left % 16]);
    }
    bytes += size + (random() % 2 == 0 ? ";x=y" : "") + "\r\n" + chunk + "\r\n";
    body += chunk;
  }
  return bytes + "0\r\n" + (random() % 2 == 0 ? "A: b\r\n" : "") + "\r\n";
}

TEST(Chunks, AreTheSameHoweverTheirBytesArrive) {
  std::mt19937 random{42};  // NOLINT(cert-msc51-cpp): the same chunks each time
  for (int i = 0; i < 300; ++i) {
    std::string body;
    std::string bytes = random_chunks(random, body);
    ASSERT_EQ(read_chunked(bytes), '"' + body + '"');
    // Broken ones too.
    bytes[random() % bytes.size()] = "\r\n;x0f \0"[random() % 8];
    read_and_count(kChunked, bytes, 100);
  }
}

}  // namespace
}  // namespace common
