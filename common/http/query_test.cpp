#include "common/http/query.h"

#include <gtest/gtest.h>

#include <limits>

#include "common/base/bad_request.h"

namespace common {
namespace {

const std::vector<std::string> kKnown = {"status", "prefix"};

// The detail of the refusal; "" if the query is accepted.
std::string refusal(std::string_view query, const std::vector<std::string>& known = kKnown) {
  try {
    parse_query(query, known);
  } catch (const BadRequest& error) {
    return error.what();
  }
  return "";
}

TEST(ParseQuery, ReadsNamesAndDecodedValues) {
  const std::vector<std::pair<std::string, QueryParameters>> table = {
      {"", {}},
      {"status=paid", {{"status", "paid"}}},
      {"prefix=a&status=b", {{"status", "b"}, {"prefix", "a"}}},
      {"status", {{"status", ""}}},
      {"status=", {{"status", ""}}},
      {"status==a=", {{"status", "=a="}}},
      {"prefix=a+b%20c%2B%2f%26", {{"prefix", "a+b c+/&"}}},
      {"%73tatus=%70aid", {{"status", "paid"}}},
      {"status=%00%ff", {{"status", std::string("\0\xff", 2)}}},
  };
  for (const auto& [query, parameters] : table) {
    EXPECT_EQ(parse_query(query, kKnown), parameters) << query;
  }
}

TEST(ParseQuery, RefusesUnknownParametersAndNamesTheKnownOnes) {
  EXPECT_EQ(refusal("a=1"), "there is no query parameter \"a\"; accepted: status, prefix");
  EXPECT_EQ(refusal("a=1", {}), "there is no query parameter \"a\"");
  for (const char* query : {"Status=paid", "status=paid&x", "=paid", "&", "status=paid&",
                            "&status=paid", "status=a&&prefix=b", "status%20=a", "+status=a"}) {
    EXPECT_NE(refusal(query), "") << query;
  }
}

TEST(ParseQuery, RefusesARepeatedParameter) {
  EXPECT_EQ(refusal("status=paid&prefix=a&%73tatus=paid"),
            "the query parameter status is repeated, with \"paid\"; accepted: one value");
  EXPECT_NE(refusal("status&status"), "");
}

TEST(WithParameter, ReplacesItsValueAndLeavesTheRestAsItWasSent) {
  EXPECT_EQ(with_parameter("", "cursor", "7"), "cursor=7");
  EXPECT_EQ(with_parameter("status=paid&limit=10", "cursor", "7"), "status=paid&limit=10&cursor=7");
  EXPECT_EQ(with_parameter("cursor=1&prefix=%3E%0a", "cursor", "7"), "prefix=%3E%0a&cursor=7");
  EXPECT_EQ(with_parameter("%63ursor=1", "cursor", "7"), "cursor=7");
}

class ReadParameter : public testing::Test {
 protected:
  static constexpr std::array kChoices = {std::pair(std::string_view("low"), 1),
                                          std::pair(std::string_view("high"), 2)};

  static std::optional<int> read(QueryParameters parameters) {
    return read_choice(HttpRequest{.parameters = std::move(parameters)}, "level", kChoices);
  }
};

TEST_F(ReadParameter, GivesTheMeaningOfItsValue) {
  EXPECT_EQ(read({{"level", "low"}}), 1);
  EXPECT_EQ(read({{"other", "x"}, {"level", "high"}}), 2);
  EXPECT_EQ(read({}), std::nullopt);
}

TEST_F(ReadParameter, RefusesOtherValuesAndShowsThem) {
  for (const std::string value : {"", "Low", "low ", "lowhigh"}) {
    EXPECT_THROW(read({{"level", value}}), BadRequest) << value;
  }
  try {
    read({{"level", "a\n\xff"}});
    ADD_FAILURE() << "accepted";
  } catch (const BadRequest& error) {
    EXPECT_STREQ(error.what(), "the query parameter level is \"a??\"; accepted: low, high");
  }
}

TEST(ParseNumber, ReadsDigitsInARange) {
  EXPECT_EQ(parse_number("1", 1, 1000), 1);
  EXPECT_EQ(parse_number("1000", 1, 1000), 1000);
  EXPECT_EQ(parse_number("9223372036854775807", 0, std::numeric_limits<std::int64_t>::max()),
            std::numeric_limits<std::int64_t>::max());
  for (const std::string text :
       {"", "0", "1001", "-1", "+1", " 1", "1 ", "1.0", "1e2", "0x1", "9223372036854775808"}) {
    EXPECT_EQ(parse_number(text, 1, 1000), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace common
