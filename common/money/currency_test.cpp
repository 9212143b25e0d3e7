#include "common/money/currency.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace common {
namespace {

// All currencies that `find` finds for codes of three upper-case letters, in alphabetical order.
std::vector<Currency> all_currencies(
    std::optional<Currency> (*find)(std::string_view) = Currency::find) {
  std::vector<Currency> found;
  std::string code = "AAA";
  for (code[0] = 'A'; code[0] <= 'Z'; ++code[0]) {
    for (code[1] = 'A'; code[1] <= 'Z'; ++code[1]) {
      for (code[2] = 'A'; code[2] <= 'Z'; ++code[2]) {
        if (const auto currency = find(code)) found.push_back(*currency);
      }
    }
  }
  return found;
}

std::set<std::string> codes_with_exponent(int exponent) {
  std::set<std::string> codes;
  for (const Currency currency : all_currencies()) {
    if (currency.exponent() == exponent) codes.emplace(currency.code());
  }
  return codes;
}

using Codes = std::set<std::string>;

TEST(Currency, KnowsTheWholeActiveList) {
  // ISO 4217 has 178 active codes in 2026; 13 of them have no minor unit.
  EXPECT_EQ(all_currencies().size(), 178U - 13U);
}

TEST(Currency, KnowsEveryExponentThatIsNotTwo) {
  EXPECT_EQ(codes_with_exponent(0),
            (Codes{"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX",
                   "UYI", "VND", "VUV", "XAF", "XOF", "XPF"}));
  EXPECT_EQ(codes_with_exponent(1), Codes{});
  EXPECT_EQ(codes_with_exponent(3), (Codes{"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}));
  EXPECT_EQ(codes_with_exponent(4), (Codes{"CLF", "UYW"}));
  EXPECT_EQ(codes_with_exponent(2).size(), all_currencies().size() - 17 - 7 - 2);
}

TEST(Currency, HasItsCode) {
  for (const std::string code : {"AED", "EUR", "GBP", "DKK", "JPY", "USD", "XAD", "XCG", "ZWG"}) {
    const auto currency = Currency::find(code);
    ASSERT_TRUE(currency) << code;
    EXPECT_EQ(currency->code(), code);
  }
}

TEST(Currency, IsEqualOnlyToItself) {
  EXPECT_EQ(Currency::find("EUR"), Currency::find("EUR"));
  EXPECT_NE(Currency::find("EUR"), Currency::find("GBP"));
}

TEST(Currency, FindsNothingForOtherText) {
  for (const std::string code :
       {"", "E", "EU", "EURO", "EURGBP", "eur", "Eur", " EUR", "EUR ", "€", "123", "ABC", "ZZZ"}) {
    EXPECT_FALSE(Currency::find(code)) << code;
  }
  EXPECT_FALSE(Currency::find(std::string("EUR\0", 4)));
  EXPECT_FALSE(Currency::find(std::string(1'000'000, 'E')));
}

TEST(Currency, FindsNothingForCodesWithoutMinorUnit) {
  for (const std::string code : {"XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT",
                                 "XSU", "XTS", "XUA", "XXX"}) {
    EXPECT_FALSE(Currency::find(code)) << code;
  }
}

TEST(Currency, FindsWithdrawnCodesOnlyWhenTheyAreAskedFor) {
  Codes withdrawn;
  for (const Currency currency : all_currencies(Currency::find_any)) {
    EXPECT_EQ(Currency::find_any(currency.code()), currency);
    EXPECT_EQ(currency.is_active(), Currency::find(currency.code()).has_value());
    if (!currency.is_active()) withdrawn.emplace(currency.code());
  }
  EXPECT_EQ(withdrawn, (Codes{"ANG", "BGN", "BYR", "CUC", "EEK", "HRK", "LTL", "LVL", "MRO", "SKK",
                              "SLL", "STD", "TMM", "USS", "VEF", "ZMK", "ZWL", "ZWR"}));
  EXPECT_EQ(all_currencies(Currency::find_any).size(), all_currencies().size() + withdrawn.size());
}

TEST(Currency, HasTheCodeAndExponentOfAWithdrawnOne) {
  const Currency lev = Currency::find_any("BGN").value();
  EXPECT_EQ(lev.code(), "BGN");
  EXPECT_EQ(lev.exponent(), 2);
  EXPECT_EQ(Currency::find_any("BYR").value().exponent(), 0);
  EXPECT_NE(lev, Currency::find("EUR"));
}

TEST(Currency, FindsOnlyCurrenciesEvenWhenWithdrawnOnesCount) {
  for (const std::string code : {"", "bgn", "BGNX", "XXX", "XAU", "ZZZ"}) {
    EXPECT_FALSE(Currency::find_any(code)) << code;
  }
}

}  // namespace
}  // namespace common
