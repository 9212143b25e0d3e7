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

TEST(ParseContentType, ReadsTypeAndCharsetInLowerCase) {
  struct Row {
    std::string_view value, media_type, charset;
  };
  const std::vector<Row> table = {
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
  for (const Row& row : table) {
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
