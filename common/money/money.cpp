#include "common/money/money.h"

#include <algorithm>
#include <cstddef>

namespace common {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A JSON number: digits * 10^exponent.
struct Decimal {
  bool negative = false;
  std::string digits = {};  // without zeros at either end; empty for zero
  std::int64_t exponent = 0;
};

// Removes the digits at the beginning of the text, and returns them.
std::string_view take_digits(std::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
  const std::string_view digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(digits.size());
  return digits;
}

bool take(std::string_view& text, char c) {
  const bool found = text.starts_with(c);
  if (found) text.remove_prefix(1);
  return found;
}

// The exponent after the "e", at most kHuge: such an amount is out of range anyway.
std::optional<std::int64_t> take_exponent(std::string_view& text) {
  constexpr std::int64_t kHuge = 1'000'000'000'000;
  const bool negative = take(text, '-');
  if (!negative) take(text, '+');
  const std::string_view digits = take_digits(text);
  if (digits.empty()) return std::nullopt;
  std::int64_t exponent = 0;
  for (const char digit : digits) exponent = std::min(kHuge, exponent * 10 + (digit - '0'));
  return negative ? -exponent : exponent;
}

// Returns nullopt if the text is not a JSON number.
std::optional<Decimal> parse_decimal(std::string_view text) {
  Decimal decimal;
  decimal.negative = take(text, '-');
  const std::string_view whole = take_digits(text);
  if (whole.empty() || (whole.size() > 1 && whole.starts_with('0'))) return std::nullopt;
  decimal.digits = whole;
  if (take(text, '.')) {
    const std::string_view fraction = take_digits(text);
    if (fraction.empty()) return std::nullopt;
    decimal.digits += fraction;
    decimal.exponent = -static_cast<std::int64_t>(fraction.size());
  }
  if (take(text, 'e') || take(text, 'E')) {
    const auto exponent = take_exponent(text);
    if (!exponent) return std::nullopt;
    decimal.exponent += *exponent;
  }
  if (!text.empty()) return std::nullopt;

  const std::size_t last = decimal.digits.find_last_not_of('0');
  const std::size_t kept = last == std::string::npos ? 0 : last + 1;
  decimal.exponent += static_cast<std::int64_t>(decimal.digits.size() - kept);
  decimal.digits.resize(kept);
  decimal.digits.erase(0, decimal.digits.find_first_not_of('0'));
  return decimal;
}

}  // namespace

std::optional<Money> stored_money(std::int64_t minor_units, std::string_view code) {
  const auto currency = Currency::find_any(code);
  return currency ? std::optional(Money{minor_units, *currency}) : std::nullopt;
}

std::variant<Money, AmountError> parse_amount(std::string_view number_text, Currency currency) {
  const auto decimal = parse_decimal(number_text);
  if (!decimal) return AmountError::kNotANumber;
  if (decimal->negative || decimal->digits.empty()) return AmountError::kNotPositive;

  // The amount in minor units is the digits followed by this many zeros.
  const std::int64_t zeros = decimal->exponent + currency.exponent();
  if (zeros < 0) return AmountError::kTooPrecise;
  constexpr std::int64_t kMaxDigits = 15;
  static_assert(kMaxMinorUnits == 999'999'999'999'999, "the largest number of kMaxDigits digits");
  if (static_cast<std::int64_t>(decimal->digits.size()) + zeros > kMaxDigits) {
    return AmountError::kTooLarge;
  }
  std::int64_t minor_units = 0;
  for (const char digit : decimal->digits) minor_units = minor_units * 10 + (digit - '0');
  for (std::int64_t i = 0; i < zeros; ++i) minor_units *= 10;
  return Money{minor_units, currency};
}

std::string to_decimal(const Money& money) {
  return to_decimal(std::to_string(money.minor_units), money.currency);
}

std::string to_decimal(std::string minor_units, Currency currency) {
  const auto decimals = static_cast<std::size_t>(currency.exponent());
  if (decimals == 0) return minor_units;
  if (minor_units.size() <= decimals) {
    minor_units.insert(0, decimals + 1 - minor_units.size(), '0');
  }
  minor_units.insert(minor_units.size() - decimals, 1, '.');
  return minor_units;
}

std::string describe(AmountError error, Currency currency) {
  const std::string code(currency.code());
  switch (error) {
    case AmountError::kNotANumber:
      return "must be a number";
    case AmountError::kNotPositive:
      return "must be greater than 0";
    case AmountError::kTooPrecise:
      return currency.exponent() == 0
                 ? "must not have decimals in " + code
                 : "must not have more than " + std::to_string(currency.exponent()) +
                       " decimals in " + code;
    case AmountError::kTooLarge:
      return "must not be greater than " + to_decimal({kMaxMinorUnits, currency}) + " in " + code;
  }
  return "is invalid";
}

}  // namespace common
