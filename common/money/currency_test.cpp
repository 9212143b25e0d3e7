#include "common/money/currency.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace common {
namespace {

// All currencies whose code has three upper-case letters, in alphabetical order.
std::vector<Currency> all_currencies() {
  std::vector<Currency> found;
  std::string code = "AAA";
  for (code[0] = 'A'; code[0] <= 'Z'; ++code[0]) {
    for (code[1] = 'A'; code[1] <= 'Z'; ++code[1]) {
      for (code[2] = 'A'; code[2] <= 'Z'; ++code[2]) {
        if (const auto currency = Currency::find(code)) found.push_back(*currency);
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

TEST(Currency, FindsNothingForWithdrawnCodes) {
  for (const std::string code : {"ANG", "BGN", "CUC", "DEM", "HRK", "SLL", "VEF", "ZWL"}) {
    EXPECT_FALSE(Currency::find(code)) << code;
  }
}

}  // namespace
}  // namespace common
