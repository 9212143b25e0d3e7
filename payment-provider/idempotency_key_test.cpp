#include "payment-provider/idempotency_key.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "common/base/bad_request.h"

namespace payment_provider {
namespace {

using std::string_literals::operator""s;

// The key of a request with these values of the header, or "refused".
std::string read_key(const std::vector<std::string>& values) {
  common::HttpRequest request;
  for (const std::string& value : values) request.headers.emplace_back("idempotency-KEY", value);
  try {
    return read_idempotency_key(request, "I1");
  } catch (const common::BadRequest&) {
    return "refused";
  }
}

TEST(IdempotencyKey, IsTheValueWithoutItsQuotes) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"k", "k"},
      {"\"k\"", "k"},
      {"k 1", "k 1"},
      {"\" k \"", " k "},
      {"\"", "\""},
      {"\"k", "\"k"},
      {"k\"", "k\""},
      {"\"\"k\"\"", "\"k\""},
      {"\"\"\"", "\""},
      {"back\\slash \"inside\" ~", "back\\slash \"inside\" ~"},
      {std::string(255, 'k'), std::string(255, 'k')},
      {'"' + std::string(255, 'k') + '"', std::string(255, 'k')},
  };
  for (const auto& [value, key] : table) EXPECT_EQ(read_key({value}), key);
}

TEST(IdempotencyKey, OtherValuesAreRefused) {
  for (const std::string& value :
       {""s, "\"\""s, std::string(256, 'k'), '"' + std::string(256, 'k') + '"', "a\tb"s, "\n"s,
        "\x7f"s, "\xc3\xa9"s, "\xff"s, "nul\0"s}) {
    EXPECT_EQ(read_key({value}), "refused") << testing::PrintToString(value);
  }
}

TEST(IdempotencyKey, MayBeRepeatedButNotDiffer) {
  EXPECT_EQ(read_key({"k", "k"}), "k");
  EXPECT_EQ(read_key({"k", "l"}), "refused");
  EXPECT_EQ(read_key({"k", "k", ""}), "refused");
}

TEST(IdempotencyKey, IsMadeFromTheInvoiceWithoutTheHeader) { EXPECT_EQ(read_key({}), "id:I1"); }

}  // namespace
}  // namespace payment_provider
