// Bodies of requests (RFC 9112, sections 6 and 7.1). Strict: if a proxy and this server read the
// same bytes differently, requests can be smuggled. Not thread-safe.

#ifndef COMMON_HTTP_BODY_PARSER_H_
#define COMMON_HTTP_BODY_PARSER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/http/line_parser.h"
#include "common/http/message.h"
#include "common/http/parse_state.h"

namespace common {

struct BodyFraming {
  bool chunked = false;
  std::uint64_t length = 0;  // when not chunked; 0: there is no body

  bool has_body() const { return chunked || length > 0; }
};

// What the headers of a request say about its body. nullopt if that is invalid or ambiguous:
// Content-Length with Transfer-Encoding, different lengths, a coding other than chunked, any
// Transfer-Encoding in HTTP/1.0 (RFC 9112, section 6.1).
std::optional<BodyFraming> read_framing(const HttpHeaders& headers, bool is_http_1_0);

// Push parser of one body. Allocates memory for received bytes only, not for an announced length.
class BodyParser {
 public:
  // A length over `max_bytes` is malformed at once (413). If there is no body, the parser is
  // complete at once.
  BodyParser(const BodyFraming& framing, std::size_t max_bytes);

  // Consumes bytes up to the end of the body, and returns how many.
  std::size_t feed(std::string_view bytes);

  ParseState state() const { return state_; }
  const ParseError& error() const { return error_; }    // when malformed: 413 or 400
  std::size_t size() const { return body_.size(); }     // bytes of the body so far
  std::string take_body() { return std::move(body_); }  // when complete

 private:
  enum class Part { kContent, kChunkSize, kChunkContent, kChunkEnd, kTrailers };

  std::size_t feed_content(std::string_view bytes);
  std::size_t feed_line(std::string_view bytes);
  void end_line(std::string_view line);
  void begin_chunk(std::string_view size_line);
  void expect(std::uint64_t count);
  void fail(int status, std::string_view detail);

  std::size_t max_bytes_;
  ParseState state_ = ParseState::kNeedMore;
  ParseError error_;
  Part part_;
  std::uint64_t missing_ = 0;  // bytes of the content, or of this chunk
  int trailers_ = 0;
  LineParser line_;
  std::string body_;
};

}  // namespace common

#endif  // COMMON_HTTP_BODY_PARSER_H_
