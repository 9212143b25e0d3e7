// The active currencies of ISO 4217 with their exponents: how many decimals a currency has
// (JPY 0, EUR 2, KWD 3).
//
// A Currency is a small value that is always one of the list. Immutable, so safe to share.

#ifndef COMMON_MONEY_CURRENCY_H_
#define COMMON_MONEY_CURRENCY_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace common {

class Currency {
 public:
  // The currency with this alphabetic code, or nothing when the code is not on the list. Codes are
  // upper case; "eur" is unknown. Codes without an exponent (XAU, XXX, XTS, ...) are not money that
  // an invoice can be in, and are unknown as well.
  static std::optional<Currency> find(std::string_view code);

  std::string_view code() const;

  // The number of decimals of the minor unit, 0 to 4.
  int exponent() const;

  friend bool operator==(Currency, Currency) = default;

 private:
  explicit Currency(std::uint8_t index) : index_(index) {}

  std::uint8_t index_;
};

}  // namespace common

#endif  // COMMON_MONEY_CURRENCY_H_
