#include "common/http/message.h"

#include <algorithm>

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
  constexpr std::string_view kSpaces = " \t";
  text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
  std::string lower(text.substr(0, text.find_last_not_of(kSpaces) + 1));
  std::transform(lower.begin(), lower.end(), lower.begin(), to_lower);
  return lower;
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
