// Push parser of the heads of requests (RFC 9112, sections 2 to 6). Strict: if a proxy and this
// server read the same bytes differently, requests can be smuggled. Not thread-safe.

#ifndef COMMON_HTTP_HEAD_PARSER_H_
#define COMMON_HTTP_HEAD_PARSER_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "common/http/body_parser.h"
#include "common/http/limits.h"
#include "common/http/line_parser.h"
#include "common/http/message.h"
#include "common/http/parse_state.h"
#include "common/http/request_target.h"

namespace common {

struct RequestHead {
  std::string method = {};  // any token: the router knows which ones there are
  RequestTarget target = {};
  bool is_http_1_0 = false;  // otherwise HTTP/1.1, or a later minor version (RFC 9110, section 2.5)
  HttpHeaders headers = {};  // in their order
  BodyFraming framing = {};
};

// Allocates nothing until a head has begun.
class HeadParser {
 public:
  // `max_bytes` limits the whole head. A longer one: 431, or 414 if the request line is longer.
  explicit HeadParser(std::size_t max_bytes = kMaxHeadBytes) : max_bytes_(max_bytes) {}

  // Consumes bytes up to the end of the head, and returns how many. Stops after the first line that
  // is malformed.
  std::size_t feed(std::string_view bytes);

  ParseState state() const { return state_; }
  std::size_t size() const { return size_; }          // consumed bytes of this head
  bool has_begun() const { return size_ > 0; }        // an empty line before it does not count
  const ParseError& error() const { return error_; }  // when malformed

  // When complete. Afterwards the parser is ready for the next head.
  RequestHead take_head();

 private:
  enum class Part { kStart, kRequestLine, kHeaders };

  void end_line(std::string_view line);
  void parse_request_line(std::string_view line);
  void parse_version(std::string_view version);
  void parse_header(std::string_view line);
  void end_head();
  bool has_valid_host() const;
  void fail(int status, std::string_view detail);

  std::size_t max_bytes_;
  std::size_t size_ = 0;  // consumed bytes of this head
  ParseState state_ = ParseState::kNeedMore;
  ParseError error_;
  Part part_ = Part::kStart;
  LineParser line_;
  RequestHead head_;
};

}  // namespace common

#endif  // COMMON_HTTP_HEAD_PARSER_H_
