#include "common/http/message.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace common {
namespace {

TEST(HttpRequest, FindsAllValuesOfAHeaderInOrder) {
  const HttpRequest request{
      .headers = {{"Accept", "a"}, {"X-Id", "1"}, {"ACCEPT", ""}, {"accept", "b"}}};
  using Values = std::vector<std::string_view>;
  EXPECT_EQ(request.header_values("aCCept"), (Values{"a", "", "b"}));
  EXPECT_EQ(request.header_values("X-ID"), Values{"1"});
  EXPECT_EQ(request.header_values("Accep"), Values{});
  EXPECT_EQ(request.header_values(""), Values{});
}

TEST(HttpRequest, FindsATokenInListsOfAnyShape) {
  const auto closes = [](const HttpHeaders& headers) {
    return HttpRequest{.headers = headers}.has_token("Connection", "close");
  };
  for (const std::string value : {"close", "Close", "CLOSE", " close\t", "foo, close",
                                  "close , foo", ",close", "keep-alive,close,,"}) {
    EXPECT_TRUE(closes({{"connection", value}})) << value;
  }
  EXPECT_TRUE(closes({{"Connection", "foo"}, {"CONNECTION", "close"}}));
  for (const std::string value : {"", ",", "closed", "xclose", "close x", "close;x", "\"close\""}) {
    EXPECT_FALSE(closes({{"Connection", value}})) << value;
  }
  EXPECT_FALSE(closes({}));
  EXPECT_FALSE(closes({{"X-Connection", "close"}}));
}

TEST(HttpRequest, AsksForATypeThatItNamesAndPrefers) {
  const auto asks = [](const HttpHeaders& headers) {
    return HttpRequest{.headers = headers}.asks_for("text/event-stream", "application/json");
  };
  for (const std::string value :
       {"text/event-stream", "Text/EVENT-stream", " text/event-stream ;q=0.001",
        "text/event-stream, application/json", "application/json, text/event-stream",
        "text/event-stream;q=0.5, application/json;q=0.5", "text/event-stream, */*;q=1.000",
        "text/event-stream;q=0.8, */*;q=0.1", "text/event-stream;q=0.2, application/*;q=0.1",
        // The most specific range counts.
        "text/event-stream;q=0.5, application/json;q=0.4, application/*, */*",
        "text/event-stream;q=0.5, application/*;q=0.4, */*",
        "text/event-stream;charset=utf-8; Q=0.5", R"(text/event-stream;a=",";b="\";q=0";q=1)",
        ",, text/event-stream,", "text/event-stream;q=0.1, text/event-stream",
        "text/event-stream;q=1., text/html"}) {
    EXPECT_TRUE(asks({{"Accept", value}})) << value;
  }
  EXPECT_TRUE(asks({{"Accept", "application/json;q=0.1"}, {"accept", "text/event-stream"}}));
  for (const std::string value :
       {"", "*/*", "text/*", "application/json", "text/event-streams", "text/event-stream;q=0",
        "text/event-stream;q=0.000", "text/event-stream;q=0.5, application/json",
        "text/event-stream;q=0.5, application/*", "text/event-stream;q=0.5, */*",
        "text/event-stream;q=0.4, application/json;q=0.5, */*;q=0.1",
        // Malformed weights.
        "text/event-stream;q=", "text/event-stream;q=1.001", "text/event-stream;q=0.1234",
        "text/event-stream;q=2", "text/event-stream;q=-1", "text/event-stream;q=0,5",
        "text/event-stream;q=x", "text/event-stream;q=10",
        // In a quoted string.
        R"(text/html;a=", text/event-stream,")", R"(text/html;a="\", text/event-stream)"}) {
    EXPECT_FALSE(asks({{"Accept", value}})) << value;
  }
  EXPECT_FALSE(asks({}));
  EXPECT_FALSE(asks({{"X-Accept", "text/event-stream"}}));
}

TEST(ParseContentType, ReadsTypeAndCharsetInLowerCase) {
  struct ContentTypeCase {
    std::string_view value, media_type, charset;
  };
  const std::vector<ContentTypeCase> table = {
      {"application/json", "application/json", ""},
      {"Application/JSON", "application/json", ""},
      {"application/json; charset=utf-8", "application/json", "utf-8"},
      {"application/json;charset=UTF-8", "application/json", "utf-8"},
      {"application/json;CharSet=\"UTF-8\"", "application/json", "utf-8"},
      {"application/json; x=y; charset=latin1", "application/json", "latin1"},
      {"application/json; charset=", "application/json", ""},
      {"application/json; charset=\"", "application/json", "\""},
      {"application/json; xcharset=latin1", "application/json", ""},
      {" \tapplication/json \t ; x", "application/json", ""},
      {"application/problem+json", "application/problem+json", ""},
      {"text/plain; x=application/json", "text/plain", ""},
      {"application/json, text/html", "application/json, text/html", ""},
      {"application/jsonx", "application/jsonx", ""},
      {"", "", ""},
      {" ", "", ""},
      {";application/json", "", ""},
  };
  for (const ContentTypeCase& row : table) {
    const ContentType type = parse_content_type(row.value);
    EXPECT_EQ(type.media_type, row.media_type) << row.value;
    EXPECT_EQ(type.charset, row.charset) << row.value;
  }
}

TEST(ReasonPhrase, IsThePhraseOfTheRfcOrEmpty) {
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(413), "Content Too Large");
  EXPECT_EQ(reason_phrase(503), "Service Unavailable");
  EXPECT_EQ(reason_phrase(299), "");
  EXPECT_EQ(reason_phrase(0), "");
}

}  // namespace
}  // namespace common
