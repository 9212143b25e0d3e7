#include "common/http/message.h"

#include <gtest/gtest.h>

#include <string_view>
#include <utility>
#include <vector>

namespace common {
namespace {

TEST(EqualIgnoringCase, IgnoresOnlyTheCaseOfAsciiLetters) {
  EXPECT_TRUE(equal_ignoring_case("", ""));
  EXPECT_TRUE(equal_ignoring_case("Content-Type", "content-TYPE"));
  EXPECT_TRUE(equal_ignoring_case("AZaz09", "azAZ09"));
  EXPECT_FALSE(equal_ignoring_case("a", ""));
  EXPECT_FALSE(equal_ignoring_case("a", "ab"));
  EXPECT_FALSE(equal_ignoring_case("a", "b"));
  // They differ in the same bit as the two cases of a letter.
  EXPECT_FALSE(equal_ignoring_case("@", "`"));
  EXPECT_FALSE(equal_ignoring_case("[", "{"));
  EXPECT_FALSE(equal_ignoring_case("\r", "-"));
  EXPECT_FALSE(equal_ignoring_case("\xC9", "\xE9"));
}

TEST(HttpRequest, FindsAllValuesOfAHeaderInOrder) {
  const HttpRequest request{
      .headers = {{"Accept", "a"}, {"X-Id", "1"}, {"ACCEPT", ""}, {"accept", "b"}}};
  using Values = std::vector<std::string_view>;
  EXPECT_EQ(request.header_values("aCCept"), (Values{"a", "", "b"}));
  EXPECT_EQ(request.header_values("X-ID"), Values{"1"});
  EXPECT_EQ(request.header_values("Accep"), Values{});
  EXPECT_EQ(request.header_values(""), Values{});
}

TEST(MediaType, IsWithoutParametersAndInLowerCase) {
  const std::vector<std::pair<std::string_view, std::string_view>> table = {
      {"application/json", "application/json"},
      {"Application/JSON", "application/json"},
      {"application/json; charset=utf-8", "application/json"},
      {"application/json;charset=utf-8", "application/json"},
      {" \tapplication/json \t ; x", "application/json"},
      {"application/problem+json", "application/problem+json"},
      {"text/plain; x=application/json", "text/plain"},
      {"application/json, text/html", "application/json, text/html"},
      {"application/jsonx", "application/jsonx"},
      {"", ""},
      {" ", ""},
      {";application/json", ""},
  };
  for (const auto& [value, type] : table) EXPECT_EQ(media_type(value), type) << value;
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
