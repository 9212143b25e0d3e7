#include "common/http/body.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "common/http/limits.h"

namespace common {
namespace {

// The whole text as a number without a sign, or nothing.
std::optional<std::uint64_t> to_number(std::string_view digits, int base) {
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stopped_at, error] = std::from_chars(digits.data(), end, value, base);
  if (digits.empty() || error != std::errc() || stopped_at != end) return std::nullopt;
  return value;
}

// The size that begins a line; behind it there may only be extensions, each after a semicolon.
std::optional<std::uint64_t> chunk_size(std::string_view line) {
  const std::size_t digits = line.find_first_of("; \t");
  const std::size_t rest = line.find_first_not_of(" \t", digits);
  if (digits != std::string_view::npos && (rest == std::string_view::npos || line[rest] != ';')) {
    return std::nullopt;
  }
  return to_number(line.substr(0, digits), 16);
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < ' ' && byte != '\t') || byte == 127;
}

class BodyReader {
 public:
  BodyReader(std::size_t max_bytes, const ReadBytes& read) : max_bytes_(max_bytes), read_(read) {}

  std::optional<BodyError> read_exactly(std::uint64_t count) {
    if (count > max_bytes_ - body_.size()) return BodyError::kTooLarge;
    std::size_t filled = body_.size();
    body_.resize(filled + static_cast<std::size_t>(count));
    while (filled < body_.size()) {
      const std::ptrdiff_t got = read_(body_.data() + filled, body_.size() - filled);
      if (got <= 0) return BodyError::kIncomplete;
      filled += static_cast<std::size_t>(got);
    }
    return std::nullopt;
  }

  std::optional<BodyError> read_chunks() {
    while (true) {
      std::string line;
      if (auto error = read_line(line)) return error;
      const auto size = chunk_size(line);
      if (!size) return BodyError::kMalformed;
      if (*size == 0) return skip_trailers();
      if (auto error = read_exactly(*size)) return error;
      if (auto error = read_line(line)) return error;
      if (!line.empty()) return BodyError::kMalformed;
    }
  }

  std::string take_body() { return std::move(body_); }

 private:
  // A line without its CR LF. A CR or LF alone is malformed: to another reader it may be the end.
  std::optional<BodyError> read_line(std::string& line) {
    line.clear();
    bool after_cr = false;
    while (true) {
      char c = 0;
      if (read_(&c, 1) != 1) return BodyError::kIncomplete;
      if (after_cr) return c == '\n' ? std::nullopt : std::optional(BodyError::kMalformed);
      after_cr = c == '\r';
      if (after_cr) continue;
      if (is_control(c) || line.size() == kMaxChunkLineBytes) return BodyError::kMalformed;
      line += c;
    }
  }

  std::optional<BodyError> skip_trailers() {
    std::string line;
    for (int i = 0; i <= kMaxTrailers; ++i) {
      if (auto error = read_line(line)) return error;
      if (line.empty()) return std::nullopt;
    }
    return BodyError::kMalformed;
  }

  const std::size_t max_bytes_;
  const ReadBytes& read_;
  std::string body_;
};

}  // namespace

std::optional<BodyFraming> read_framing(const HttpHeaders& headers) {
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
    if (length || !equal_ignoring_case(*coding, "chunked")) return std::nullopt;
    return BodyFraming{.chunked = true};
  }
  if (!length) return BodyFraming{};
  const auto number = to_number(*length, 10);
  return number ? std::optional(BodyFraming{.length = *number}) : std::nullopt;
}

std::variant<std::string, BodyError> read_body(const BodyFraming& framing, std::size_t max_bytes,
                                               const ReadBytes& read) {
  BodyReader reader(max_bytes, read);
  const auto error = framing.chunked ? reader.read_chunks() : reader.read_exactly(framing.length);
  if (error) return *error;
  return reader.take_body();
}

}  // namespace common
