#include "fuzz/serialize.h"

#include <charconv>
#include <iterator>

#include "common/base/ascii.h"

namespace fuzz {
namespace {

std::string percent_encode(std::string_view path) {
  constexpr std::string_view kDigits = "0123456789aBcDeF";
  std::string encoded;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (common::is_alphanumeric(c) || c == '/') {
      encoded += c;
    } else {
      encoded += {'%', kDigits[byte / 16U], kDigits[byte % 16U]};
    }
  }
  return encoded;
}

}  // namespace

std::string to_string(const common::RequestTarget& target) {
  const std::string path = target.path == "*" ? "*" : percent_encode(target.path);
  return target.query.empty() ? path : path + '?' + target.query;
}

std::string to_string(const common::RequestHead& head) {
  std::string text = head.method + ' ' + to_string(head.target) +
                     (head.is_http_1_0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  for (const auto& [name, value] : head.headers) {
    text.append(name).append(": ").append(value).append("\r\n");
  }
  return text + "\r\n";
}

std::string to_chunks(std::string_view body, std::size_t size) {
  std::string chunks;
  while (!body.empty()) {
    const std::string_view chunk = body.substr(0, size);
    body.remove_prefix(chunk.size());
    char digits[16];
    const char* end = std::to_chars(std::begin(digits), std::end(digits), chunk.size(), 16).ptr;
    chunks.append(std::cbegin(digits), end).append("\r\n").append(chunk).append("\r\n");
  }
  return chunks + "0\r\n\r\n";
}

}  // namespace fuzz
