#include "common/http/body.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <variant>
#include <vector>

namespace common {

void PrintTo(BodyError error, std::ostream* out) {
  constexpr const char* kNames[] = {"too large", "malformed", "incomplete"};
  *out << kNames[static_cast<int>(error)];
}

namespace {

using std::string_literals::operator""s;
using Body = std::variant<std::string, BodyError>;

constexpr BodyFraming kChunked{.chunked = true};

// A connection on which these bytes came, in pieces whose sizes `piece` chooses.
class Connection {
 public:
  explicit Connection(std::string bytes) : left_(std::move(bytes)) {}
  Connection(std::string bytes, std::mt19937& random) : left_(std::move(bytes)), random_(&random) {}

  ReadBytes reader() {
    return [this](char* to, std::size_t size) -> std::ptrdiff_t {
      std::size_t count = std::min(size, left_.size());
      if (random_ != nullptr && count > 1) count = 1 + (*random_)() % count;
      left_.copy(to, count);
      left_.erase(0, count);
      return static_cast<std::ptrdiff_t>(count);
    };
  }

  // What has not been read.
  const std::string& left() const { return left_; }

 private:
  std::string left_;
  std::mt19937* random_ = nullptr;
};

Body read_chunked(const std::string& bytes, std::size_t max_bytes = 1024) {
  Connection connection(bytes);
  return read_body(kChunked, max_bytes, connection.reader());
}

// "none", "chunked", "length N" or "refused".
std::string framing(const HttpHeaders& headers) {
  const auto framing = read_framing(headers);
  if (!framing) return "refused";
  if (framing->chunked) return "chunked";
  return framing->has_body() ? "length " + std::to_string(framing->length) : "none";
}

TEST(ReadFraming, TakesALengthChunksOrNeither) {
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

TEST(ReadFraming, RefusesLengthsThatAreNotANumber) {
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

TEST(ReadFraming, RefusesWhatTwoReadersCouldTakeDifferently) {
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

TEST(ReadFraming, RefusesEveryCodingButChunked) {
  for (const std::string& coding :
       {""s, " "s, "identity"s, "gzip"s, "gzip, chunked"s, "chunked, gzip"s, "chunked, chunked"s,
        "chunked;q=1"s, " chunked"s, "chunked "s, "\tchunked"s,
        "\x0b"
        "chunked"s,
        "xchunked"s, "chunke"s, "\"chunked\""s, "chunked\0"s, "chun\xC3\xA9"s}) {
    EXPECT_EQ(framing({{"Transfer-Encoding", coding}}), "refused") << coding;
  }
}

TEST(ReadBodyOfALength, ReadsThatMuchAndNoMore) {
  Connection connection("helloGET / HTTP/1.1");
  EXPECT_EQ(read_body({.length = 5}, 5, connection.reader()), Body("hello"));
  EXPECT_EQ(connection.left(), "GET / HTTP/1.1");
}

TEST(ReadBodyOfALength, IsEmptyWithoutAsking) {
  const Body body = read_body({}, 0, [](char*, std::size_t) -> std::ptrdiff_t {
    ADD_FAILURE() << "nothing was to be read";
    return 0;
  });
  EXPECT_EQ(body, Body(""));
}

TEST(ReadBodyOfALength, IsRefusedOverTheLimitBeforeAnythingIsRead) {
  for (const std::uint64_t length :
       {std::uint64_t{6}, std::uint64_t{1} << 40U, ~std::uint64_t{0}}) {
    Connection connection("hello!");
    EXPECT_EQ(read_body({.length = length}, 5, connection.reader()), Body(BodyError::kTooLarge));
    EXPECT_EQ(connection.left(), "hello!");
  }
}

TEST(ReadBodyOfALength, IsIncompleteWhenTheConnectionEndsOrFails) {
  Connection connection("hell");
  EXPECT_EQ(read_body({.length = 5}, 5, connection.reader()), Body(BodyError::kIncomplete));
  const auto failing = [](char*, std::size_t) -> std::ptrdiff_t { return -1; };
  EXPECT_EQ(read_body({.length = 5}, 5, failing), Body(BodyError::kIncomplete));
}

TEST(ReadChunks, PutsThemTogether) {
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
    Connection connection(bytes + "GET / HTTP/1.1");
    EXPECT_EQ(read_body(kChunked, 1024, connection.reader()), Body(body)) << bytes;
    EXPECT_EQ(connection.left(), "GET / HTTP/1.1") << bytes;
  }
}

TEST(ReadChunks, RefusesSizesThatAreNotHexadecimal) {
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
    EXPECT_EQ(read_chunked(size + "\r\nhello\r\n0\r\n\r\n"), Body(BodyError::kMalformed)) << size;
  }
}

TEST(ReadChunks, RefusesEndsOfLinesThatAnotherReaderWouldSeeElsewhere) {
  for (const std::string& bytes :
       {"5\nhello\r\n0\r\n\r\n"s, "5\rhello\r\n0\r\n\r\n"s, "5\r\r\nhello\r\n0\r\n\r\n"s,
        "5;x\ny\r\nhello\r\n0\r\n\r\n"s, "5;x\ry\r\nhello\r\n0\r\n\r\n"s,
        "5;x\0y\r\nhello\r\n0\r\n\r\n"s, "5;\x7f\r\nhello\r\n0\r\n\r\n"s, "5\r\nhello\n0\r\n\r\n"s,
        "5\r\nhello\r0\r\n\r\n"s, "5\r\nhello0\r\n\r\n"s, "5\r\nhello!\r\n0\r\n\r\n"s,
        "5\r\nhello \r\n0\r\n\r\n"s, "4\r\nhello\r\n0\r\n\r\n"s, "0\n\r\n"s, "0\r\n\n"s,
        "0\r\nTrailer: x\n\r\n"s, "0\r\nTrailer: x\ry\r\n\r\n"s}) {
    EXPECT_EQ(read_chunked(bytes), Body(BodyError::kMalformed)) << testing::PrintToString(bytes);
  }
}

TEST(ReadChunks, AreIncompleteWhereverTheyBreakOff) {
  const std::string whole = "5;x=y\r\nhello\r\n0\r\nTrailer: x\r\n\r\n";
  ASSERT_EQ(read_chunked(whole), Body("hello"));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(read_chunked(whole.substr(0, length)), Body(BodyError::kIncomplete)) << length;
  }
}

TEST(ReadChunks, AreRefusedOverTheLimitBeforeTheRestIsRead) {
  EXPECT_EQ(read_chunked("5\r\nhello\r\n0\r\n\r\n", 5), Body("hello"));
  EXPECT_EQ(read_chunked("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", 5), Body(BodyError::kTooLarge));
  EXPECT_EQ(read_chunked("ffffffffffffffff\r\n", 5), Body(BodyError::kTooLarge));
  EXPECT_EQ(read_chunked("1\r\nx\r\nffffffffffffffff\r\n", 5), Body(BodyError::kTooLarge));

  Connection connection("6\r\nhello!\r\n0\r\n\r\n");
  EXPECT_EQ(read_body(kChunked, 5, connection.reader()), Body(BodyError::kTooLarge));
  EXPECT_EQ(connection.left(), "hello!\r\n0\r\n\r\n");
}

TEST(ReadChunks, EndEvenWhenTheClientNeverDoes) {
  // Returns a cyclic text for ever; how much of it was read says that the reader gave up.
  const auto endless = [](const std::string& text) {
    std::size_t read = 0;
    return read_body(kChunked, 1024, [&text, read](char* to, std::size_t size) mutable {
      for (std::size_t i = 0; i < size; ++i) to[i] = text[read++ % text.size()];
      return static_cast<std::ptrdiff_t>(size);
    });
  };
  EXPECT_EQ(endless("1\r\nx\r\n"), Body(BodyError::kTooLarge));
  EXPECT_EQ(endless("0"), Body(BodyError::kMalformed));
  EXPECT_EQ(endless("5;x"), Body(BodyError::kMalformed));
  EXPECT_EQ(endless("0\r\n"), Body(BodyError::kMalformed));  // all but the first are trailers
}

TEST(ReadChunks, TakeLinesAndTrailersUpToTheirLimits) {
  const std::string extension = ";" + std::string(1022, 'x');
  EXPECT_EQ(read_chunked("1" + extension + "\r\nx\r\n0\r\n\r\n"), Body("x"));
  EXPECT_EQ(read_chunked("1" + extension + "x\r\nx\r\n0\r\n\r\n"), Body(BodyError::kMalformed));
  std::string trailers;
  for (int i = 0; i < 32; ++i) trailers += "A: b\r\n";
  EXPECT_EQ(read_chunked("0\r\n" + trailers + "\r\n"), Body(""));
  EXPECT_EQ(read_chunked("0\r\n" + trailers + "A: b\r\n\r\n"), Body(BodyError::kMalformed));
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

TEST(ReadChunks, AreTheSameHoweverTheirBytesArrive) {
  std::mt19937 random{42};  // NOLINT(cert-msc51-cpp): the same chunks each time
  for (int i = 0; i < 5'000; ++i) {
    std::string body;
    const std::string bytes = random_chunks(random, body);
    Connection pieces(bytes + "next", random);
    ASSERT_EQ(read_body(kChunked, 1024, pieces.reader()), Body(body));
    ASSERT_EQ(pieces.left(), "next");
  }
}

TEST(ReadChunks, ThatAreBrokenAreReadTheSameHoweverTheirBytesArrive) {
  std::mt19937 random{43};  // NOLINT(cert-msc51-cpp): the same chunks each time
  for (int i = 0; i < 5'000; ++i) {
    std::string body;
    std::string bytes = random_chunks(random, body);
    bytes[random() % bytes.size()] = "\r\n;x0f \0"[random() % 8];
    Connection whole(bytes);
    Connection pieces(bytes, random);
    const Body expected = read_body(kChunked, 100, whole.reader());
    ASSERT_EQ(read_body(kChunked, 100, pieces.reader()), expected) << testing::PrintToString(bytes);
    ASSERT_EQ(pieces.left(), whole.left());
  }
}

}  // namespace
}  // namespace common
