#include "common/money/money.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <variant>
#include <vector>

namespace common {

// GoogleTest prints amounts with this.
void PrintTo(const Money& money, std::ostream* out) {
  *out << money.minor_units << " minor units " << money.currency.code();
}

namespace {

using Amount = std::variant<Money, AmountError>;

Amount parse(const std::string& text, const std::string& code) {
  return parse_amount(text, *Currency::find(code));
}

Money money(std::int64_t minor_units, const std::string& code) {
  return {minor_units, *Currency::find(code)};
}

struct Row {
  std::string text;
  std::string code;
  std::int64_t minor_units;
};

TEST(ParseAmount, ReadsEveryFormOfAnExactAmount) {
  const std::vector<Row> table = {
      {"12.15", "EUR", 1215},
      {"10.5", "EUR", 1050},
      {"10", "EUR", 1000},
      {"10.00000000000000000000000000", "EUR", 1000},
      {"0.01", "EUR", 1},
      {"0.10", "EUR", 10},
      {"66.13", "DKK", 6613},
      {"100", "JPY", 100},
      {"100.0", "JPY", 100},
      {"1", "JPY", 1},
      {"1.234", "KWD", 1234},
      {"0.001", "KWD", 1},
      {"0.0001", "CLF", 1},
      {"1e2", "EUR", 10000},
      {"1E+2", "EUR", 10000},
      {"1e-2", "EUR", 1},
      {"1215e-2", "EUR", 1215},
      {"0.0000001e7", "EUR", 100},
      {"100e-4", "EUR", 1},
      {"1e0", "EUR", 100},
      {"1e-0", "EUR", 100},
      {"1e0000000000000000000000000001", "EUR", 1000},
      {"9999999999999.99", "EUR", kMaxMinorUnits},
      {"999999999999999", "JPY", kMaxMinorUnits},
      {"99999999999.9999", "CLF", kMaxMinorUnits},
      {"999999999999999e-2", "EUR", kMaxMinorUnits},
      {"1e14", "JPY", 100'000'000'000'000},
      // No double holds these exactly.
      {"0.29", "EUR", 29},
      {"1.005e3", "EUR", 100500},
      {"8100000000000.07", "EUR", 810'000'000'000'007},
  };
  for (const auto& [text, code, minor_units] : table) {
    EXPECT_EQ(parse(text, code), Amount(money(minor_units, code))) << text << ' ' << code;
  }
}

struct BadRow {
  std::string text;
  std::string code;
  AmountError error;
};

void expect_refused(const std::vector<BadRow>& table) {
  for (const auto& [text, code, error] : table) {
    EXPECT_EQ(parse(text, code), Amount(error)) << text.substr(0, 40) << ' ' << code;
  }
}

TEST(ParseAmount, RefusesTextThatIsNotAJsonNumber) {
  std::vector<BadRow> table;
  for (const char* text :
       {"",     " ",     "-",     ".",     "e",    "E2",    "1.",  ".5",  "1.e2",     "1e",
        "1e+",  "1e-",   "1e2.5", "1e1e1", "+1",   "--1",   "01",  "00",  "00.5",     "-01",
        " 1",   "1 ",    "1,5",   "1_000", "0x10", "1.2.3", "NaN", "nan", "Infinity", "inf",
        "-inf", "12EUR", "\"1\"", "1\n",   "１",   "1e ٣",  "1f",  "0b1", "1.5.",     "1-1"}) {
    table.push_back({text, "EUR", AmountError::kNotANumber});
  }
  table.push_back({std::string("1\0", 2), "EUR", AmountError::kNotANumber});
  table.push_back({std::string("\0", 1), "EUR", AmountError::kNotANumber});
  table.push_back({"1\xff", "EUR", AmountError::kNotANumber});
  expect_refused(table);
}

TEST(ParseAmount, RefusesZeroAndNegativeAmounts) {
  expect_refused({{"0", "EUR", AmountError::kNotPositive},
                  {"-0", "EUR", AmountError::kNotPositive},
                  {"0.00", "EUR", AmountError::kNotPositive},
                  {"0.000000000000000000000", "EUR", AmountError::kNotPositive},
                  {"0e999999999999999999999", "EUR", AmountError::kNotPositive},
                  {"0e-999999999999999999999", "EUR", AmountError::kNotPositive},
                  {"-0.01", "EUR", AmountError::kNotPositive},
                  {"-12.15", "EUR", AmountError::kNotPositive},
                  {"-1e400", "EUR", AmountError::kNotPositive},
                  {"-1e-400", "EUR", AmountError::kNotPositive}});
}

TEST(ParseAmount, RefusesInsteadOfRounding) {
  expect_refused({{"10.001", "EUR", AmountError::kTooPrecise},
                  {"10.009999999999999999", "EUR", AmountError::kTooPrecise},
                  {"0.001", "EUR", AmountError::kTooPrecise},
                  {"1e-3", "EUR", AmountError::kTooPrecise},
                  {"1e-400", "EUR", AmountError::kTooPrecise},
                  {"1e-99999999999999999999999", "EUR", AmountError::kTooPrecise},
                  {"100.5", "JPY", AmountError::kTooPrecise},
                  {"1e-1", "JPY", AmountError::kTooPrecise},
                  {"0.0001", "KWD", AmountError::kTooPrecise},
                  {"0.00001", "CLF", AmountError::kTooPrecise},
                  {"99999999999999999999.001", "EUR", AmountError::kTooPrecise}});
}

TEST(ParseAmount, RefusesMoreThanTheLargestAmount) {
  expect_refused({{"10000000000000", "EUR", AmountError::kTooLarge},
                  {"10000000000000.00", "EUR", AmountError::kTooLarge},
                  {"1000000000000000", "JPY", AmountError::kTooLarge},
                  {"1e15", "JPY", AmountError::kTooLarge},
                  {"1e13", "EUR", AmountError::kTooLarge},
                  {"9223372036854775807", "JPY", AmountError::kTooLarge},
                  {"18446744073709551617", "JPY", AmountError::kTooLarge},
                  {"1e400", "EUR", AmountError::kTooLarge},
                  {"1e9223372036854775808", "EUR", AmountError::kTooLarge},
                  {"1e99999999999999999999999", "EUR", AmountError::kTooLarge},
                  {std::string(1'000'000, '9'), "EUR", AmountError::kTooLarge}});
}

TEST(ParseAmount, AcceptsAnyNumberOfZeros) {
  const std::string zeros(1'000'000, '0');
  EXPECT_EQ(parse("1." + zeros, "EUR"), Amount(money(100, "EUR")));
  EXPECT_EQ(parse("1" + zeros + "e-1000000", "EUR"), Amount(money(100, "EUR")));
  EXPECT_EQ(parse("0." + zeros + "1e1000001", "EUR"), Amount(money(100, "EUR")));
}

TEST(ToDecimal, WritesExactlyTheDecimalsOfTheCurrency) {
  const std::vector<Row> table = {
      {"12.15", "EUR", 1215},
      {"10.50", "EUR", 1050},
      {"0.01", "EUR", 1},
      {"0.10", "EUR", 10},
      {"1.00", "EUR", 100},
      {"9999999999999.99", "EUR", kMaxMinorUnits},
      {"1", "JPY", 1},
      {"100", "JPY", 100},
      {"0.001", "KWD", 1},
      {"0.050", "KWD", 50},
      {"1.000", "KWD", 1000},
      {"0.0001", "CLF", 1},
      {"12.3456", "CLF", 123456},
      {"999999999999999", "JPY", kMaxMinorUnits},
  };
  for (const auto& [text, code, minor_units] : table) {
    EXPECT_EQ(to_decimal(money(minor_units, code)), text);
  }
}

// Amounts of all lengths, in currencies of every exponent.
class RandomMoney {
 public:
  Money operator()() {
    static constexpr const char* kCodes[] = {"JPY", "EUR", "KWD", "CLF"};
    std::int64_t bound = 1;
    for (int i = pick(1, 15); i > 0; --i) bound *= 10;
    return money(std::uniform_int_distribution<std::int64_t>(1, bound - 1)(random_),
                 kCodes[pick(0, 3)]);
  }
  int pick(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_); }

 private:
  std::mt19937 random_{42};  // NOLINT(cert-msc51-cpp): the same amounts each time
};

TEST(Money, WrittenAndReadIsTheSame) {
  RandomMoney random;
  for (int i = 0; i < 20'000; ++i) {
    const Money amount = random();
    ASSERT_EQ(parse_amount(to_decimal(amount), amount.currency), Amount(amount));
  }
}

TEST(Money, IsTheSameWithThePointAtAnyPlace) {
  RandomMoney random;
  for (int i = 0; i < 20'000; ++i) {
    const Money amount = random();
    const int zeros = random.pick(0, 9);
    std::string digits =
        std::to_string(amount.minor_units).append(static_cast<std::size_t>(zeros), '0');
    const int length = static_cast<int>(digits.size());
    const int point = random.pick(1, length);
    const int exponent = length - point - zeros - amount.currency.exponent();
    if (point < length) digits.insert(static_cast<std::size_t>(point), ".");
    const std::string text = digits + (i % 2 == 0 ? "e" : "E") + std::to_string(exponent);
    ASSERT_EQ(parse_amount(text, amount.currency), Amount(amount)) << text;
  }
}

TEST(Money, WithOneDecimalTooManyIsRefused) {
  RandomMoney random;
  for (int i = 0; i < 2'000; ++i) {
    const Money amount = random();
    const std::string point = amount.currency.exponent() == 0 ? "." : "";
    const std::string text = to_decimal(amount) + point + std::to_string(random.pick(1, 9));
    ASSERT_EQ(parse_amount(text, amount.currency), Amount(AmountError::kTooPrecise)) << text;
  }
}

TEST(Money, OfDifferentCurrenciesIsNeverEqual) {
  EXPECT_EQ(money(100, "EUR"), money(100, "EUR"));
  EXPECT_NE(money(100, "EUR"), money(101, "EUR"));
  EXPECT_NE(money(100, "EUR"), money(100, "GBP"));
}

TEST(DescribeAmountError, EndsASentenceForPeople) {
  const auto text = [](AmountError error, const char* code) {
    return describe(error, *Currency::find(code));
  };
  EXPECT_EQ(text(AmountError::kNotANumber, "EUR"), "must be a number");
  EXPECT_EQ(text(AmountError::kNotPositive, "EUR"), "must be greater than 0");
  EXPECT_EQ(text(AmountError::kTooPrecise, "EUR"), "must not have more than 2 decimals in EUR");
  EXPECT_EQ(text(AmountError::kTooPrecise, "JPY"), "must not have decimals in JPY");
  EXPECT_EQ(text(AmountError::kTooLarge, "EUR"),
            "must not be greater than 9999999999999.99 in EUR");
  EXPECT_EQ(text(AmountError::kTooLarge, "JPY"), "must not be greater than 999999999999999 in JPY");
}

TEST(StoredMoney, IsInAnActiveOrWithdrawnCurrency) {
  EXPECT_EQ(stored_money(1050, "EUR"), money(1050, "EUR"));
  EXPECT_EQ(to_decimal(stored_money(1050, "BGN").value()), "10.50");
  EXPECT_EQ(stored_money(1050, "QQQ"), std::nullopt);
}

}  // namespace
}  // namespace common
