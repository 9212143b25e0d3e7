#include "common/http_body.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace common {
namespace {

// A chunk's size with its extensions, or a trailer field.
constexpr std::size_t kMaxLineBytes = 1024;
constexpr int kMaxTrailers = 32;

// The whole text as a number without a sign, or nothing.
std::optional<std::uint64_t> to_number(std::string_view digits, int base) {
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stopped_at, error] = std::from_chars(digits.data(), end, value, base);
  if (digits.empty() || error != std::errc() || stopped_at != end) return std::nullopt;
  return value;
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
      const auto size = to_number(line.substr(0, line.find_first_of("; \t")), 16);
      if (!size) return BodyError::kMalformed;
      if (*size == 0) return skip_trailers();
      if (auto error = read_exactly(*size)) return error;
      if (auto error = read_line(line)) return error;
      if (!line.empty()) return BodyError::kMalformed;
    }
  }

  std::string take_body() { return std::move(body_); }

 private:
  // A line without its CR LF.
  std::optional<BodyError> read_line(std::string& line) {
    line.clear();
    while (!line.ends_with("\r\n")) {
      char c = 0;
      if (read_(&c, 1) != 1) return BodyError::kIncomplete;
      line += c;
      if (line.size() > kMaxLineBytes) return BodyError::kMalformed;
    }
    line.resize(line.size() - 2);
    return std::nullopt;
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
