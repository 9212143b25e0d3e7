// Classes of ASCII characters. Independent of the locale: a byte that is not ASCII is in no class.

#ifndef COMMON_BASE_ASCII_H_
#define COMMON_BASE_ASCII_H_

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace common {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

constexpr bool is_alphanumeric(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || is_digit(c);
}

// In methods and names of headers (RFC 9110, section 5.6.2).
constexpr bool is_token_character(char c) {
  return is_alphanumeric(c) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// In ids of invoices and requests: needs no escaping in JSON, SQL, URLs or logs.
constexpr bool is_id_character(char c) {
  return is_alphanumeric(c) || c == '.' || c == '_' || c == '-';
}

// Of invoices and requests.
inline constexpr std::size_t kMaxIdBytes = 64;

constexpr bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= kMaxIdBytes &&
         std::all_of(text.begin(), text.end(), is_id_character);
}

constexpr bool is_printable(char c) { return c >= ' ' && c <= '~'; }

constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Without the spaces and tabs around it (OWS in RFC 9110, section 5.6.3).
constexpr std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpaces = " \t";
  text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
  return text.substr(0, text.find_last_not_of(kSpaces) + 1);
}

// As for names of headers and URI schemes. Letters outside ASCII have no case.
constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return to_lower(x) == to_lower(y); });
}

}  // namespace common

#endif  // COMMON_BASE_ASCII_H_
