#include "common/http/head_parser.h"

#include <algorithm>
#include <utility>

#include "common/base/ascii.h"

namespace common {
namespace {

constexpr std::size_t kUsualHeaders = 16;  // one allocation for their list

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}

}  // namespace

std::size_t HeadParser::feed(std::string_view bytes) {
  std::size_t consumed = 0;
  while (state_ == ParseState::kNeedMore && consumed < bytes.size()) {
    const std::size_t count = line_.feed(bytes.substr(consumed, max_bytes_ - size_));
    consumed += count;
    size_ += count;
    if (line_.state() == ParseState::kComplete) {
      end_line(line_.line());
      line_.clear();
    } else if (line_.state() == ParseState::kMalformed) {
      fail(400, "a line of the head has a control character, or does not end with CR LF");
    }
    if (state_ == ParseState::kNeedMore && size_ == max_bytes_) {
      part_ == Part::kHeaders ? fail(431, "the headers are too large")
                              : fail(414, "the request line is too long");
    }
  }
  return consumed;
}

RequestHead HeadParser::take_head() {
  RequestHead head = std::move(head_);
  *this = HeadParser(max_bytes_);
  return head;
}

void HeadParser::end_line(std::string_view line) {
  if (part_ == Part::kHeaders) {
    line.empty() ? end_head() : parse_header(line);
  } else if (part_ == Part::kStart && line.empty()) {
    // One empty line before it is skipped (RFC 9112, section 2.2). The head has not begun.
    part_ = Part::kRequestLine;
    size_ = 0;
  } else {
    part_ = Part::kHeaders;
    parse_request_line(line);
  }
}

// RFC 9112, section 3. The target has no spaces, so there are exactly two.
void HeadParser::parse_request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == last) return fail(400, "the request line is not: method, target, version");
  const std::string_view method = line.substr(0, first);
  if (!is_token(method)) return fail(400, "the method is invalid");
  head_.method = method;
  head_.headers.reserve(kUsualHeaders);
  parse_version(line.substr(last + 1));
  if (state_ == ParseState::kMalformed) return;
  auto target = parse_request_target(line.substr(first + 1, last - first - 1));
  if (!target) return fail(400, "the request target is invalid");
  head_.target = *std::move(target);
}

// RFC 9112, section 2.3.
void HeadParser::parse_version(std::string_view version) {
  constexpr std::string_view kPattern = "HTTP/d.d";
  const bool is_version = std::equal(
      version.begin(), version.end(), kPattern.begin(), kPattern.end(),
      [](char c, char expected) { return expected == 'd' ? is_digit(c) : c == expected; });
  if (!is_version) return fail(400, "the version of HTTP is invalid");
  if (version[5] != '1') return fail(505, "only HTTP/1.1 and HTTP/1.0 are supported");
  head_.is_http_1_0 = version[7] == '0';
}

// RFC 9112, section 5. White space before the colon is malformed. So is white space at the start of
// the line, which once continued the line before.
void HeadParser::parse_header(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return fail(400, "a header is malformed");
  }
  if (head_.headers.size() == kMaxHeaders) return fail(431, "there are too many headers");
  head_.headers.emplace_back(line.substr(0, colon), trim(line.substr(colon + 1)));
}

void HeadParser::end_head() {
  if (!has_valid_host()) return fail(400, "the Host header is missing, repeated or invalid");
  const auto framing = read_framing(head_.headers, head_.is_http_1_0);
  if (!framing) return fail(400, "the length of the body is invalid or ambiguous");
  head_.framing = *framing;
  state_ = ParseState::kComplete;
}

// RFC 9112, section 3.2. The value is empty if the client's URI has no authority.
bool HeadParser::has_valid_host() const {
  bool has_host = false;
  for (const auto& [name, value] : head_.headers) {
    if (!equal_ignoring_case(name, "Host")) continue;
    if (has_host || (!value.empty() && !is_host_and_port(value))) return false;
    has_host = true;
  }
  return has_host || head_.is_http_1_0;
}

void HeadParser::fail(int status, std::string_view detail) {
  state_ = ParseState::kMalformed;
  error_ = {.status = status, .detail = detail};
}

}  // namespace common
