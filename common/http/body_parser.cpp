#include "common/http/body_parser.h"

#include <algorithm>
#include <charconv>

#include "common/base/ascii.h"
#include "common/http/limits.h"

namespace common {
namespace {

// Reads the whole text as a number, without sign and spaces.
std::optional<std::uint64_t> to_number(std::string_view digits, int base) {
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stopped_at, error] = std::from_chars(digits.data(), end, value, base);
  if (digits.empty() || error != std::errc() || stopped_at != end) return std::nullopt;
  return value;
}

// The size at the beginning of a chunk's first line. Only extensions may follow; each begins with a
// semicolon.
std::optional<std::uint64_t> chunk_size(std::string_view line) {
  const std::size_t digits = line.find_first_of("; \t");
  const std::size_t rest = line.find_first_not_of(" \t", digits);
  if (digits != std::string_view::npos && (rest == std::string_view::npos || line[rest] != ';')) {
    return std::nullopt;
  }
  return to_number(line.substr(0, digits), 16);
}

}  // namespace

std::optional<BodyFraming> read_framing(const HttpHeaders& headers, bool is_http_1_0) {
  std::optional<std::string_view> coding;
  std::optional<std::string_view> length;
  for (const auto& [name, value] : headers) {
    if (equal_ignoring_case(name, "Transfer-Encoding")) {
      if (coding) return std::nullopt;
      coding = value;
    } else if (equal_ignoring_case(name, "Content-Length")) {
      if (length && *length != value) return std::nullopt;
      length = value;
    }
  }
  if (coding) {
    if (length || is_http_1_0 || !equal_ignoring_case(*coding, "chunked")) return std::nullopt;
    return BodyFraming{.chunked = true};
  }
  if (!length) return BodyFraming{};
  const auto number = to_number(*length, 10);
  return number ? std::optional(BodyFraming{.length = *number}) : std::nullopt;
}

BodyParser::BodyParser(const BodyFraming& framing, std::size_t max_bytes)
    : max_bytes_(max_bytes), part_(framing.chunked ? Part::kChunkSize : Part::kContent) {
  if (!framing.has_body()) state_ = ParseState::kComplete;
  expect(framing.length);
}

std::size_t BodyParser::feed(std::string_view bytes) {
  std::size_t consumed = 0;
  while (state_ == ParseState::kNeedMore && consumed < bytes.size()) {
    const std::string_view rest = bytes.substr(consumed);
    const bool is_content = part_ == Part::kContent || part_ == Part::kChunkContent;
    consumed += is_content ? feed_content(rest) : feed_line(rest);
  }
  return consumed;
}

std::size_t BodyParser::feed_content(std::string_view bytes) {
  bytes = bytes.substr(0, static_cast<std::size_t>(missing_));  // at most max_bytes_: it fits
  body_ += bytes;
  missing_ -= bytes.size();
  if (missing_ == 0) {
    if (part_ == Part::kContent) state_ = ParseState::kComplete;
    part_ = Part::kChunkEnd;
  }
  return bytes.size();
}

std::size_t BodyParser::feed_line(std::string_view bytes) {
  const std::size_t max_bytes = part_ == Part::kChunkEnd ? 2 : kMaxChunkLineBytes + 2;
  const std::size_t consumed = line_.feed(bytes.substr(0, max_bytes - line_.size()));
  if (line_.state() == ParseState::kComplete) {
    end_line(line_.line());
    line_.clear();
  } else if (line_.state() == ParseState::kMalformed || line_.size() == max_bytes) {
    fail(400, "the chunked body is malformed");
  }
  return consumed;
}

void BodyParser::end_line(std::string_view line) {
  if (part_ == Part::kChunkSize) {
    begin_chunk(line);
  } else if (part_ == Part::kChunkEnd) {
    part_ = Part::kChunkSize;  // a line of two bytes is CR LF
  } else if (line.empty()) {
    state_ = ParseState::kComplete;
  } else if (++trailers_ > kMaxTrailers) {
    fail(400, "the chunked body has too many trailers");
  }
}

void BodyParser::begin_chunk(std::string_view size_line) {
  const auto size = chunk_size(size_line);
  if (!size) return fail(400, "the size of a chunk is invalid");
  part_ = *size == 0 ? Part::kTrailers : Part::kChunkContent;
  expect(*size);
}

void BodyParser::expect(std::uint64_t count) {
  if (count > max_bytes_ - body_.size()) return fail(413, "the body is too long");
  missing_ = count;
}

void BodyParser::fail(int status, std::string_view detail) {
  state_ = ParseState::kMalformed;
  error_ = {.status = status, .detail = detail};
}

}  // namespace common
