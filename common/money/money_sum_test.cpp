#include "common/money/money_sum.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "common/money/money.h"

namespace common {
namespace {

std::string text(const MoneySum& sum, const char* currency) {
  return to_decimal(sum.minor_units(), Currency::find(currency).value());
}

TEST(MoneySum, IsShownWithTheDecimalsOfItsCurrency) {
  MoneySum sum;
  EXPECT_EQ(text(sum, "EUR"), "0.00");
  EXPECT_EQ(text(sum, "JPY"), "0");
  sum.add(5);
  EXPECT_EQ(text(sum, "EUR"), "0.05");
  EXPECT_EQ(text(sum, "KWD"), "0.005");
  sum.add(1045);
  EXPECT_EQ(text(sum, "EUR"), "10.50");
  EXPECT_EQ(text(sum, "JPY"), "1050");
}

TEST(MoneySum, StaysExactBeyond64Bits) {
  MoneySum sum;
  sum.add(kMaxMinorUnits, 1'000'000'000);
  sum.add(std::numeric_limits<std::int64_t>::max());
  sum.add(1);
  EXPECT_EQ(text(sum, "JPY"), "1000009223372035854775808");
}

}  // namespace
}  // namespace common
