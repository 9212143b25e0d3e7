// The currencies of ISO 4217 with their exponents: the number of decimals (JPY 0, EUR 2, KWD 3).
// Active ones, and withdrawn ones, because stored amounts have them. A Currency is a small
// immutable value, always a listed currency. Thread-safe.

#ifndef COMMON_MONEY_CURRENCY_H_
#define COMMON_MONEY_CURRENCY_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace common {

class Currency {
 public:
  // The active currency with this alphabetic code in upper case; nullopt if there is none. Codes
  // without a minor unit (XAU, XXX, XTS, ...) are excluded.
  static std::optional<Currency> find(std::string_view code);

  // The same, also if it was withdrawn since 2009: for stored amounts, and for retries of payments
  // that may be stored.
  static std::optional<Currency> find_any(std::string_view code);

  // The codes of all that find_any() finds.
  static std::vector<std::string_view> all_codes();

  bool is_active() const;

  std::string_view code() const;

  // The number of decimals, 0 to 4.
  int exponent() const;

  friend bool operator==(Currency, Currency) = default;

 private:
  explicit Currency(std::uint8_t index) : index_(index) {}

  std::uint8_t index_;
};

}  // namespace common

#endif  // COMMON_MONEY_CURRENCY_H_
