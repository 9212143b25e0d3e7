#include "common/http/response_writer.h"

#include <gtest/gtest.h>

#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace common {
namespace {

class ResponseWriterTest : public testing::Test {
 protected:
  std::string write(HttpResponse response, const ResponseContext& context = {.request_id = "r-1"}) {
    return writer_.write(response, context);
  }

  ResponseWriter writer_;
};

std::vector<std::string> lines_of_head(const std::string& bytes) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t end = bytes.find("\r\n"); end != begin; end = bytes.find("\r\n", begin)) {
    if (end == std::string::npos) return {"the head has no end"};
    lines.push_back(bytes.substr(begin, end - begin));
    begin = end + 2;
  }
  return lines;
}

// Date can differ between two responses.
std::vector<std::string> lines_without_date(const std::string& bytes) {
  std::vector<std::string> lines = lines_of_head(bytes);
  std::erase_if(lines, [](const std::string& line) { return line.starts_with("Date: "); });
  return lines;
}

// The value of a header that occurs once, or what is wrong.
std::string header(const std::string& bytes, const std::string& name) {
  std::optional<std::string> value;
  for (const std::string& line : lines_of_head(bytes)) {
    if (!line.starts_with(name + ": ")) continue;
    if (value) return "repeated";
    value = line.substr(name.size() + 2);
  }
  return value.value_or("none");
}

std::string body(const std::string& bytes) { return bytes.substr(bytes.find("\r\n\r\n") + 4); }

std::optional<std::string> no_chunk() { return std::nullopt; }

TEST_F(ResponseWriterTest, WritesStatusHeadersAndBody) {
  const std::string bytes = write({.status = 201,
                                   .content_type = "text/plain",
                                   .body = "a\r\nb",
                                   .headers = {{"Location", "/x"}, {"X-Empty", ""}}});
  EXPECT_TRUE(bytes.starts_with("HTTP/1.1 201 Created\r\n")) << bytes;
  EXPECT_EQ(header(bytes, "Content-Type"), "text/plain");
  EXPECT_EQ(header(bytes, "Content-Length"), "4");
  EXPECT_EQ(header(bytes, "Location"), "/x");
  EXPECT_EQ(header(bytes, "X-Empty"), "");
  EXPECT_EQ(header(bytes, "X-Request-Id"), "r-1");
  EXPECT_EQ(body(bytes), "a\r\nb");
}

TEST_F(ResponseWriterTest, HasNoHeaderThatNobodyAskedFor) {
  for (const HttpResponse& response : {HttpResponse{.body = "x"}, {.next_chunk = no_chunk}}) {
    const std::string bytes = write(response);
    for (const char* name : {"Accept-Ranges", "Keep-Alive", "Connection", "Server", "Trailer"}) {
      EXPECT_EQ(header(bytes, name), "none");
    }
    EXPECT_EQ(lines_of_head(bytes).size(), 5U) << bytes;  // status, type, length, date, id
  }
}

TEST_F(ResponseWriterTest, WritesEmptyAndLongBodies) {
  for (const std::size_t size : {0U, 1U, 16'384U, 1'000'000U}) {
    const std::string bytes = write({.body = std::string(size, 'x')});
    EXPECT_EQ(header(bytes, "Content-Length"), std::to_string(size));
    EXPECT_EQ(body(bytes), std::string(size, 'x'));
  }
}

TEST_F(ResponseWriterTest, WritesOnlyTheHeadOfAStream) {
  const std::string chunked = write({.next_chunk = no_chunk});
  EXPECT_EQ(header(chunked, "Transfer-Encoding"), "chunked");
  EXPECT_EQ(header(chunked, "Content-Length"), "none");
  EXPECT_EQ(body(chunked), "");

  const std::string http_1_0 =
      write({.next_chunk = no_chunk}, {.is_http_1_0 = true, .close = true});
  EXPECT_EQ(header(http_1_0, "Transfer-Encoding"), "none");
  EXPECT_EQ(header(http_1_0, "Content-Length"), "none");
  EXPECT_EQ(header(http_1_0, "Connection"), "close");
  EXPECT_EQ(body(http_1_0), "");
}

TEST_F(ResponseWriterTest, WritesOnlyTheHeadOfASharedBody) {
  const auto shared = std::make_shared<const std::string>("abc");
  const std::string bytes = write({.body = "ignored", .shared_body = shared});
  EXPECT_EQ(header(bytes, "Content-Type"), "application/json");
  EXPECT_EQ(header(bytes, "Content-Length"), "3");
  EXPECT_EQ(header(bytes, "Transfer-Encoding"), "none");
  EXPECT_EQ(body(bytes), "");
}

// RFC 9110, sections 8.6 and 15.4.5.
TEST_F(ResponseWriterTest, A304HasNoBodyAndNoLength) {
  for (const bool to_head : {false, true}) {
    const std::string bytes = write({.status = 304, .headers = {{"ETag", "\"x\""}}},
                                    {.to_head = to_head, .request_id = "r-1"});
    EXPECT_TRUE(bytes.starts_with("HTTP/1.1 304 Not Modified\r\n")) << bytes;
    EXPECT_EQ(header(bytes, "ETag"), "\"x\"");
    EXPECT_EQ(header(bytes, "X-Request-Id"), "r-1");
    for (const char* name : {"Content-Length", "Content-Type", "Transfer-Encoding"}) {
      EXPECT_EQ(header(bytes, name), "none");
    }
    EXPECT_EQ(body(bytes), "");
  }
}

// RFC 9110, section 9.3.2.
TEST_F(ResponseWriterTest, WritesTheHeadersOfGetToHead) {
  for (const HttpResponse& response : {HttpResponse{.body = "abc"},
                                       {.body = ""},
                                       {.status = 404, .body = "no"},
                                       {.shared_body = std::make_shared<const std::string>("abc")},
                                       {.next_chunk = no_chunk}}) {
    const std::string to_get = write(response);
    const std::string to_head = write(response, {.to_head = true, .request_id = "r-1"});
    EXPECT_EQ(lines_without_date(to_head), lines_without_date(to_get));
    EXPECT_EQ(body(to_head), "");
  }
}

TEST_F(ResponseWriterTest, SaysWhenTheConnectionIsClosed) {
  EXPECT_EQ(header(write({.body = "x"}, {.close = true}), "Connection"), "close");
  EXPECT_EQ(header(write({.next_chunk = no_chunk}, {.close = true}), "Connection"), "close");
  EXPECT_EQ(header(write({.body = "x"}), "Connection"), "none");  // keeps no state
}

TEST_F(ResponseWriterTest, WritesEveryStatusWithAPhrase) {
  for (const int status :
       {200, 202, 400, 401, 402, 404, 405, 408, 409, 413, 414, 415, 422, 431, 500, 501, 503, 505}) {
    const std::string start = "HTTP/1.1 " + std::to_string(status) + ' ';
    const std::string bytes = write({.status = status, .body = "x"});
    EXPECT_TRUE(bytes.starts_with(start)) << bytes;
    EXPECT_NE(bytes[start.size()], '\r') << bytes;
    EXPECT_EQ(body(bytes), "x");
  }
}

TEST_F(ResponseWriterTest, DropsAHeaderThatWouldEndItsLine) {
  const std::string bytes = write({.body = "x", .headers = {{"A", "b\r\nInjected: c"}}});
  EXPECT_EQ(header(bytes, "Injected"), "none");
  EXPECT_EQ(body(bytes), "x");
}

// RFC 9110, sections 5.6.7 and 6.6.1.
TEST_F(ResponseWriterTest, WritesTheDateAsAnImfFixdate) {
  const std::time_t before = std::time(nullptr);
  const std::string date = header(write({.body = "x"}), "Date");
  const std::time_t after = std::time(nullptr);
  std::tm utc{};
  const char* end = ::strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  ASSERT_TRUE(end != nullptr && *end == '\0') << date;
  EXPECT_EQ(date.size(), 29U) << date;
  const std::time_t written = ::timegm(&utc);
  EXPECT_GE(written, before);
  EXPECT_LE(written, after);
}

TEST(FrameChunk, HasItsSizeInHexadecimal) {
  const std::vector<std::pair<std::size_t, std::string>> table = {
      {0, "0"}, {1, "1"}, {15, "f"}, {16, "10"}, {65536, "10000"}};
  for (const auto& [size, digits] : table) {
    const std::string bytes(size, 'x');
    EXPECT_EQ(frame_chunk(bytes), digits + "\r\n" + bytes + "\r\n");
  }
}

}  // namespace
}  // namespace common
