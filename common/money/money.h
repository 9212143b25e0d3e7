// Exact amounts of money: an integer number of minor units in a currency. Reading and writing
// decimal text uses no floating point and never rounds.
//
// There is no arithmetic; money_sum.h adds amounts. Plain values, thread-safe.

#ifndef COMMON_MONEY_MONEY_H_
#define COMMON_MONEY_MONEY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/money/currency.h"

namespace common {

// The largest amount, in minor units. Most JSON parsers store numbers as IEEE doubles, which keep
// 15 digits.
inline constexpr std::int64_t kMaxMinorUnits = 999'999'999'999'999;

struct Money {
  std::int64_t minor_units;  // 1 .. kMaxMinorUnits
  Currency currency;

  friend bool operator==(const Money&, const Money&) = default;
};

enum class AmountError {
  kNotANumber,   // not a JSON number (RFC 8259, section 6)
  kNotPositive,  // zero or negative
  kTooPrecise,   // more decimals than the currency has: 10.001 EUR, but not 10.500 EUR
  kTooLarge,     // over kMaxMinorUnits
};

// An amount that is stored with the code of its currency, active or withdrawn. Returns nullopt if
// this program does not know the code, and so not the number of decimals either.
std::optional<Money> stored_money(std::int64_t minor_units, std::string_view code);

// Reads the text of a JSON number, with or without fraction and exponent: "10.5" EUR is 1050. The
// time depends on the length of the text, not on its exponent ("1e999999999").
std::variant<Money, AmountError> parse_amount(std::string_view number_text, Currency currency);

// The amount in major units with exactly the currency's decimals: "10.50", "0.05", "100".
std::string to_decimal(const Money& money);

// The same, of minor units in decimal digits, which may be more than an amount has: of a sum.
std::string to_decimal(std::string minor_units, Currency currency);

// The predicate of an error sentence: "must not have more than 2 decimals in EUR".
std::string describe(AmountError error, Currency currency);

}  // namespace common

#endif  // COMMON_MONEY_MONEY_H_
