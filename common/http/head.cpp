#include "common/http/head.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "common/http/limits.h"

namespace common {
namespace {

constexpr std::string_view kSpaces = " \t";

// A token's character (RFC 9110, section 5.6.2).
bool is_token_character(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         kMarks.find(c) != std::string_view::npos;
}

// Removes a line's CR LF. False when it has none, or another CR before it.
bool cut_line_end(std::string_view& line) {
  if (!line.ends_with("\r\n")) return false;
  line.remove_suffix(2);
  return line.find('\r') == std::string_view::npos;
}

// Nothing for what isn't `name ":" value`. White space before the colon or at the start of the line
// (once the way to continue the line before) makes it that too.
std::optional<HttpHeaders::value_type> parse_header(std::string_view line) {
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  if (colon == std::string_view::npos || name.empty() ||
      !std::all_of(name.begin(), name.end(), is_token_character)) {
    return std::nullopt;
  }
  std::string_view value = line.substr(colon + 1);
  value.remove_prefix(std::min(value.find_first_not_of(kSpaces), value.size()));
  value = value.substr(0, value.find_last_not_of(kSpaces) + 1);
  return HttpHeaders::value_type(name, value);
}

}  // namespace

std::variant<RequestHead, HeadError> read_head(const ReadLine& read_line) {
  RequestHead head;
  while (true) {
    auto line = read_line();
    if (!line) return HeadError::kIncomplete;
    std::string_view text = *line;
    if (!cut_line_end(text)) return HeadError::kMalformed;
    if (head.request_line.empty()) {
      // Said at once to a client of HTTP/0.9, which waits for an answer after its one line.
      if (text.find(" HTTP/1.") == std::string_view::npos) return HeadError::kMalformed;
      head.request_line = *std::move(line);
      continue;
    }
    if (text.empty()) return head;
    auto header = parse_header(text);
    if (!header) return HeadError::kMalformed;
    if (head.headers.size() == kMaxHeaders) return HeadError::kTooManyHeaders;
    head.headers.push_back(*std::move(header));
  }
}

bool ends_head_line(char c) { return (c >= 0 && c < ' ' && c != '\t' && c != '\r') || c == '\x7f'; }

}  // namespace common
