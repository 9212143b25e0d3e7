#include "common/money/currency.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace common {
namespace {

struct Entry {
  std::string_view code;
  int exponent;
};

// ISO 4217:2015, list one (active codes), as its maintenance agency publishes it in 2026. Includes
// the funds codes, but no code without a minor unit. Sorted by code. An entry that ISO 4217
// withdraws moves to kWithdrawn.
constexpr std::array kActive = {
    Entry{"AED", 2}, Entry{"AFN", 2}, Entry{"ALL", 2}, Entry{"AMD", 2}, Entry{"AOA", 2},
    Entry{"ARS", 2}, Entry{"AUD", 2}, Entry{"AWG", 2}, Entry{"AZN", 2}, Entry{"BAM", 2},
    Entry{"BBD", 2}, Entry{"BDT", 2}, Entry{"BHD", 3}, Entry{"BIF", 0}, Entry{"BMD", 2},
    Entry{"BND", 2}, Entry{"BOB", 2}, Entry{"BOV", 2}, Entry{"BRL", 2}, Entry{"BSD", 2},
    Entry{"BTN", 2}, Entry{"BWP", 2}, Entry{"BYN", 2}, Entry{"BZD", 2}, Entry{"CAD", 2},
    Entry{"CDF", 2}, Entry{"CHE", 2}, Entry{"CHF", 2}, Entry{"CHW", 2}, Entry{"CLF", 4},
    Entry{"CLP", 0}, Entry{"CNY", 2}, Entry{"COP", 2}, Entry{"COU", 2}, Entry{"CRC", 2},
    Entry{"CUP", 2}, Entry{"CVE", 2}, Entry{"CZK", 2}, Entry{"DJF", 0}, Entry{"DKK", 2},
    Entry{"DOP", 2}, Entry{"DZD", 2}, Entry{"EGP", 2}, Entry{"ERN", 2}, Entry{"ETB", 2},
    Entry{"EUR", 2}, Entry{"FJD", 2}, Entry{"FKP", 2}, Entry{"GBP", 2}, Entry{"GEL", 2},
    Entry{"GHS", 2}, Entry{"GIP", 2}, Entry{"GMD", 2}, Entry{"GNF", 0}, Entry{"GTQ", 2},
    Entry{"GYD", 2}, Entry{"HKD", 2}, Entry{"HNL", 2}, Entry{"HTG", 2}, Entry{"HUF", 2},
    Entry{"IDR", 2}, Entry{"ILS", 2}, Entry{"INR", 2}, Entry{"IQD", 3}, Entry{"IRR", 2},
    Entry{"ISK", 0}, Entry{"JMD", 2}, Entry{"JOD", 3}, Entry{"JPY", 0}, Entry{"KES", 2},
    Entry{"KGS", 2}, Entry{"KHR", 2}, Entry{"KMF", 0}, Entry{"KPW", 2}, Entry{"KRW", 0},
    Entry{"KWD", 3}, Entry{"KYD", 2}, Entry{"KZT", 2}, Entry{"LAK", 2}, Entry{"LBP", 2},
    Entry{"LKR", 2}, Entry{"LRD", 2}, Entry{"LSL", 2}, Entry{"LYD", 3}, Entry{"MAD", 2},
    Entry{"MDL", 2}, Entry{"MGA", 2}, Entry{"MKD", 2}, Entry{"MMK", 2}, Entry{"MNT", 2},
    Entry{"MOP", 2}, Entry{"MRU", 2}, Entry{"MUR", 2}, Entry{"MVR", 2}, Entry{"MWK", 2},
    Entry{"MXN", 2}, Entry{"MXV", 2}, Entry{"MYR", 2}, Entry{"MZN", 2}, Entry{"NAD", 2},
    Entry{"NGN", 2}, Entry{"NIO", 2}, Entry{"NOK", 2}, Entry{"NPR", 2}, Entry{"NZD", 2},
    Entry{"OMR", 3}, Entry{"PAB", 2}, Entry{"PEN", 2}, Entry{"PGK", 2}, Entry{"PHP", 2},
    Entry{"PKR", 2}, Entry{"PLN", 2}, Entry{"PYG", 0}, Entry{"QAR", 2}, Entry{"RON", 2},
    Entry{"RSD", 2}, Entry{"RUB", 2}, Entry{"RWF", 0}, Entry{"SAR", 2}, Entry{"SBD", 2},
    Entry{"SCR", 2}, Entry{"SDG", 2}, Entry{"SEK", 2}, Entry{"SGD", 2}, Entry{"SHP", 2},
    Entry{"SLE", 2}, Entry{"SOS", 2}, Entry{"SRD", 2}, Entry{"SSP", 2}, Entry{"STN", 2},
    Entry{"SVC", 2}, Entry{"SYP", 2}, Entry{"SZL", 2}, Entry{"THB", 2}, Entry{"TJS", 2},
    Entry{"TMT", 2}, Entry{"TND", 3}, Entry{"TOP", 2}, Entry{"TRY", 2}, Entry{"TTD", 2},
    Entry{"TWD", 2}, Entry{"TZS", 2}, Entry{"UAH", 2}, Entry{"UGX", 0}, Entry{"USD", 2},
    Entry{"USN", 2}, Entry{"UYI", 0}, Entry{"UYU", 2}, Entry{"UYW", 4}, Entry{"UZS", 2},
    Entry{"VED", 2}, Entry{"VES", 2}, Entry{"VND", 0}, Entry{"VUV", 0}, Entry{"WST", 2},
    Entry{"XAD", 2}, Entry{"XAF", 0}, Entry{"XCD", 2}, Entry{"XCG", 2}, Entry{"XOF", 0},
    Entry{"XPF", 0}, Entry{"YER", 2}, Entry{"ZAR", 2}, Entry{"ZMW", 2}, Entry{"ZWG", 2}};

// List three (historic denominations): withdrawn since 2009. Sorted by code.
constexpr std::array kWithdrawn = {
    Entry{"ANG", 2}, Entry{"BGN", 2}, Entry{"BYR", 0}, Entry{"CUC", 2}, Entry{"EEK", 2},
    Entry{"HRK", 2}, Entry{"LTL", 2}, Entry{"LVL", 2}, Entry{"MRO", 2}, Entry{"SKK", 2},
    Entry{"SLL", 2}, Entry{"STD", 2}, Entry{"TMM", 2}, Entry{"USS", 2}, Entry{"VEF", 2},
    Entry{"ZMK", 2}, Entry{"ZWL", 2}, Entry{"ZWR", 2}};

constexpr bool is_sorted(std::span<const Entry> entries) {
  return std::is_sorted(entries.begin(), entries.end(),
                        [](const Entry& a, const Entry& b) { return a.code < b.code; });
}
static_assert(is_sorted(kActive) && is_sorted(kWithdrawn));
static_assert(kActive.size() + kWithdrawn.size() <= 256, "an index is one byte");

std::optional<std::size_t> index_of(std::span<const Entry> entries, std::string_view code) {
  const auto found =
      std::lower_bound(entries.begin(), entries.end(), code,
                       [](const Entry& entry, std::string_view key) { return entry.code < key; });
  if (found == entries.end() || found->code != code) return std::nullopt;
  return static_cast<std::size_t>(found - entries.begin());
}

const Entry& entry_at(std::size_t index) {
  return index < kActive.size() ? kActive[index] : kWithdrawn[index - kActive.size()];
}

}  // namespace

std::optional<Currency> Currency::find(std::string_view code) {
  const auto index = index_of(kActive, code);
  return index ? std::optional(Currency(static_cast<std::uint8_t>(*index))) : std::nullopt;
}

std::optional<Currency> Currency::find_any(std::string_view code) {
  if (const auto active = find(code)) return active;
  const auto index = index_of(kWithdrawn, code);
  if (!index) return std::nullopt;
  return Currency(static_cast<std::uint8_t>(kActive.size() + *index));
}

std::vector<std::string_view> Currency::all_codes() {
  std::vector<std::string_view> codes;
  codes.reserve(kActive.size() + kWithdrawn.size());
  for (const Entry& entry : kActive) codes.push_back(entry.code);
  for (const Entry& entry : kWithdrawn) codes.push_back(entry.code);
  return codes;
}

bool Currency::is_active() const { return index_ < kActive.size(); }

std::string_view Currency::code() const { return entry_at(index_).code; }

int Currency::exponent() const { return entry_at(index_).exponent; }

}  // namespace common
