// Text in UTF-8 (RFC 3629). Functions are thread-safe.

#ifndef COMMON_BASE_UTF8_H_
#define COMMON_BASE_UTF8_H_

#include <cstddef>
#include <string_view>

namespace common {

// The beginning of the text, with at most `max_bytes`, and without a half character at its end:
// PostgreSQL refuses a text that has one.
constexpr std::string_view cut_utf8(std::string_view text, std::size_t max_bytes) {
  text = text.substr(0, max_bytes);
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::size_t first = text.size();  // of the last character's bytes
  while (first > 0 && (byte(first - 1) & 0xC0U) == 0x80U) --first;
  if (first == 0) return text;
  --first;
  const std::size_t expected =
      1U + (byte(first) >= 0xC0) + (byte(first) >= 0xE0) + (byte(first) >= 0xF0);
  return text.size() - first < expected ? text.substr(0, first) : text;
}

}  // namespace common

#endif  // COMMON_BASE_UTF8_H_
