// Exact amounts of money: an integer count of minor units in a currency. Amounts are read from and
// written to decimal text without ever passing through floating point, and are never rounded.
//
// There is no arithmetic on purpose: nothing here adds amounts, least of all across currencies.
// Plain values, safe to share between threads.

#ifndef COMMON_MONEY_MONEY_H_
#define COMMON_MONEY_MONEY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "common/money/currency.h"

namespace common {

// The largest amount, in minor units. Fifteen digits survive a reader that holds JSON numbers as
// IEEE doubles, as most do.
inline constexpr std::int64_t kMaxMinorUnits = 999'999'999'999'999;

struct Money {
  std::int64_t minor_units;  // 1 .. kMaxMinorUnits
  Currency currency;

  friend bool operator==(const Money&, const Money&) = default;
};

enum class AmountError {
  kNotANumber,   // not the text of a JSON number (RFC 8259, section 6)
  kNotPositive,  // zero or negative
  kTooPrecise,   // more decimals than the currency has, e.g. 10.001 EUR; 10.500 EUR is 10.50 EUR
  kTooLarge,     // over kMaxMinorUnits
};

// Reads the text of a JSON number, with or without fraction and exponent: "10.5" EUR is 1050.
// Takes time proportional to the text's length whatever its exponent says ("1e999999999").
std::variant<Money, AmountError> parse_amount(std::string_view number_text, Currency currency);

// The amount in major units with exactly the currency's decimals: "10.50", "0.05", "100".
std::string to_decimal(const Money& money);

// The error as the end of a sentence for a person: "must not have more than 2 decimals in EUR".
std::string describe(AmountError error, Currency currency);

}  // namespace common

#endif  // COMMON_MONEY_MONEY_H_
