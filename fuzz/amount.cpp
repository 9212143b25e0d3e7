#include <cmath>
#include <cstdlib>
#include <string>
#include <variant>

#include "common/money/currency.h"
#include "common/money/money.h"
#include "fuzz/fuzz.h"

namespace {

using common::AmountError;
using common::Money;

// What the C library makes of the text. A long double has 64 bits: enough for kMaxMinorUnits.
long double to_minor_units(const std::string& text, common::Currency currency) {
  return std::strtold(text.c_str(), nullptr) * std::pow(10.0L, currency.exponent());
}

void check_money(const Money& money, const std::string& text) {
  fuzz::check(money.minor_units > 0 && money.minor_units <= common::kMaxMinorUnits, "range");
  fuzz::check(std::round(to_minor_units(text, money.currency)) ==
                  static_cast<long double>(money.minor_units),
              "the amount is the one of the text");
  const auto again = common::parse_amount(common::to_decimal(money), money.currency);
  fuzz::check(std::get<Money>(again) == money, "round trip");
}

void check_error(AmountError error, const std::string& text, common::Currency currency) {
  const long double units = to_minor_units(text, currency);
  fuzz::check(!common::describe(error, currency).empty(), "an error has a text");
  fuzz::check(error != AmountError::kNotPositive || units <= 0, "it is not positive");
  fuzz::check(error != AmountError::kTooLarge || units > common::kMaxMinorUnits, "it is too large");
  fuzz::check(error != AmountError::kTooPrecise || units >= 0, "it is positive");
}

}  // namespace

// An input is the code of a currency, then the text of a number: "EUR10.50".
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::to_text(data, size);
  const std::string_view code = input.substr(0, 3);
  const auto currency = common::Currency::find_any(code);
  if (!currency) return 0;
  fuzz::check(currency->code() == code, "a currency is found by its code");
  const std::string text(input.substr(3));
  const auto amount = common::parse_amount(text, *currency);
  if (const auto* money = std::get_if<Money>(&amount)) {
    check_money(*money, text);
  } else {
    check_error(std::get<AmountError>(amount), text, *currency);
  }
  return 0;
}
