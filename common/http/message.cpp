#include "common/http/message.h"

#include <algorithm>
#include <functional>
#include <map>

#include "common/base/ascii.h"

namespace common {
namespace {

// Removes and returns the text up to the separator, without it.
std::string_view next_part(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

std::string trimmed_lower(std::string_view text) {
  std::string lower(trim(text));
  std::transform(lower.begin(), lower.end(), lower.begin(), to_lower);
  return lower;
}

// The same, but a separator within a quoted string does not count.
std::string_view next_unquoted_part(std::string_view& text, char separator) {
  bool is_quoted = false;
  std::size_t end = 0;
  for (; end < text.size() && (is_quoted || text[end] != separator); ++end) {
    if (text[end] == '"') is_quoted = !is_quoted;
    if (text[end] == '\\' && is_quoted) ++end;
  }
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

// A quality value in thousandths (RFC 9110, section 12.4.2); 0, which means "not acceptable", if it
// is malformed.
int parse_quality(std::string_view text) {
  constexpr std::size_t kLongest = 5;  // "0.123"
  if (text.empty() || text.size() > kLongest || (text.size() > 1 && text[1] != '.')) return 0;
  int quality = 0;
  for (std::size_t i = 0; i < kLongest; ++i) {
    if (i == 1) continue;
    const char digit = i < text.size() ? text[i] : '0';
    if (!is_digit(digit)) return 0;
    quality = 10 * quality + (digit - '0');
  }
  return quality <= 1000 ? quality : 0;
}

using Qualities = std::map<std::string, int, std::less<>>;  // by media range, in lower case

void read_accept(std::string_view value, Qualities& qualities) {
  while (!value.empty()) {
    std::string_view element = next_unquoted_part(value, ',');
    int& quality = qualities[trimmed_lower(next_unquoted_part(element, ';'))];
    int weight = 1000;
    while (!element.empty()) {
      const std::string parameter = trimmed_lower(next_unquoted_part(element, ';'));
      if (parameter.starts_with("q=")) weight = parse_quality(parameter.substr(2));
    }
    quality = std::max(quality, weight);
  }
}

}  // namespace

std::vector<std::string_view> HttpRequest::header_values(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [header, value] : headers) {
    if (equal_ignoring_case(header, name)) values.emplace_back(value);
  }
  return values;
}

bool HttpRequest::has_token(std::string_view header, std::string_view token) const {
  for (std::string_view value : header_values(header)) {
    while (!value.empty()) {
      if (trimmed_lower(next_part(value, ',')) == token) return true;
    }
  }
  return false;
}

bool HttpRequest::asks_for(std::string_view media_type, std::string_view other) const {
  Qualities qualities;
  for (const std::string_view value : header_values("Accept")) read_accept(value, qualities);
  const auto named = qualities.find(media_type);
  if (named == qualities.end() || named->second == 0) return false;
  // The most specific range that includes the other one.
  const std::string any_subtype = std::string(other.substr(0, other.find('/'))) + "/*";
  for (const std::string_view range : {other, std::string_view(any_subtype), {"*/*"}}) {
    const auto found = qualities.find(range);
    if (found != qualities.end()) return named->second >= found->second;
  }
  return true;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 207:
      return "Multi-Status";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

ContentType parse_content_type(std::string_view value) {
  constexpr std::string_view kCharset = "charset=";
  ContentType type{.media_type = trimmed_lower(next_part(value, ';'))};
  while (!value.empty()) {
    std::string parameter = trimmed_lower(next_part(value, ';'));
    if (!parameter.starts_with(kCharset)) continue;
    type.charset = parameter.substr(kCharset.size());
    if (type.charset.size() >= 2 && type.charset.front() == '"' && type.charset.back() == '"') {
      type.charset = type.charset.substr(1, type.charset.size() - 2);
    }
  }
  return type;
}

}  // namespace common
