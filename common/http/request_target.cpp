#include "common/http/request_target.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "common/base/ascii.h"
#include "common/http/base_url.h"

namespace common {
namespace {

bool contains(std::string_view characters, char c) {
  return characters.find(c) != std::string_view::npos;
}

// unreserved and sub-delims of RFC 3986, section 2: allowed in names of hosts, paths and queries.
bool is_unreserved_or_sub_delim(char c) {
  return is_alphanumeric(c) || contains("-._~!$&'()*+,;=", c);
}

bool is_path_character(char c) { return is_unreserved_or_sub_delim(c) || contains("/:@", c); }

bool is_query_character(char c) { return is_path_character(c) || c == '?'; }

// The value of the two hexadecimal digits at the beginning of the text.
std::optional<char> decode_hex(std::string_view digits) {
  std::uint8_t byte = 0;
  if (digits.size() < 2) return std::nullopt;
  const char* end = digits.data() + 2;
  const auto [stopped_at, error] = std::from_chars(digits.data(), end, byte, 16);
  if (error != std::errc() || stopped_at != end) return std::nullopt;
  return static_cast<char>(byte);
}

// Whether the text has only these characters and valid percent-escapes.
bool is_valid(std::string_view text, bool (*is_allowed)(char)) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' ? !decode_hex(text.substr(i + 1)) : !is_allowed(text[i])) return false;
  }
  return true;
}

// Decodes the percent-escapes of a valid text. That of a slash becomes `slash`.
std::string decode(std::string_view text, std::string_view slash) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t escape = text.find('%'); escape != std::string_view::npos;
       escape = text.find('%')) {
    decoded += text.substr(0, escape);
    const char byte = *decode_hex(text.substr(escape + 1));
    byte == '/' ? decoded += slash : decoded += byte;
    text.remove_prefix(escape + 3);
  }
  return decoded += text;
}

bool is_ipv6_address(std::string_view text) {
  const std::string terminated(text);
  in6_addr address = {};
  return !contains(text, '\0') && inet_pton(AF_INET6, terminated.c_str(), &address) == 1;
}

bool is_port(std::string_view digits) {
  std::uint16_t port = 0;
  const char* end = digits.data() + digits.size();
  const auto [stopped_at, error] = std::from_chars(digits.data(), end, port);
  return digits.empty() || (error == std::errc() && stopped_at == end);
}

}  // namespace

std::optional<RequestTarget> parse_request_target(std::string_view target) {
  if (target == "*") return RequestTarget{.path = "*"};
  const std::size_t path_end = std::min(target.find('?'), target.size());
  std::string_view path = target.substr(0, path_end);
  if (equal_ignoring_case(path.substr(0, kHttpScheme.size()), kHttpScheme)) {
    path.remove_prefix(kHttpScheme.size());
    const std::size_t slash = std::min(path.find('/'), path.size());
    if (!is_host_and_port(path.substr(0, slash))) return std::nullopt;
    path.remove_prefix(slash);
    if (path.empty()) path = "/";
  }
  if (!path.starts_with('/')) return std::nullopt;

  std::string_view query = target.substr(path_end);
  if (!query.empty()) query.remove_prefix(1);
  if (!is_valid(path, is_path_character) || !is_valid(query, is_query_character)) {
    return std::nullopt;
  }
  return RequestTarget{.path = decode(path, "%2F"), .query = std::string(query)};
}

std::string percent_decode(std::string_view text) { return decode(text, "/"); }

bool is_host_and_port(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return false;
    const std::string_view rest = text.substr(bracket + 1);
    return is_ipv6_address(text.substr(1, bracket - 1)) &&
           (rest.empty() || (rest.front() == ':' && is_port(rest.substr(1))));
  }
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view host = text.substr(0, colon);
  return !host.empty() && is_valid(host, is_unreserved_or_sub_delim) &&
         (colon == text.size() || is_port(text.substr(colon + 1)));
}

}  // namespace common
