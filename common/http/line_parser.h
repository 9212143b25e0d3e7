// Push parser of one line of a head or of a chunked body (RFC 9112, sections 2.2 and 7.1). Strict:
// a line ends with CR LF, and has no other control character than tabs. If a proxy and this server
// see the end of a line at different bytes, requests can be smuggled. Not thread-safe.

#ifndef COMMON_HTTP_LINE_PARSER_H_
#define COMMON_HTTP_LINE_PARSER_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "common/http/parse_state.h"

namespace common {

class LineParser {
 public:
  // Consumes bytes up to the end of the line, and returns how many. Has no limit of its own: the
  // caller must not pass more bytes than the line may have. Only while the state is kNeedMore.
  std::size_t feed(std::string_view bytes);

  // A control character is malformed at once. A CR without LF is malformed at the end of the line.
  ParseState state() const { return state_; }

  // Consumed bytes of this line.
  std::size_t size() const { return line_.size(); }

  // The line without its CR LF, when complete. Valid until clear(), and only as long as the bytes
  // of the last feed(): a line that arrived in one piece is not copied.
  std::string_view line() const { return line_.substr(0, line_.size() - 2); }

  // Begins the next line.
  void clear();

 private:
  ParseState state_ = ParseState::kNeedMore;
  std::string_view line_;
  std::string pieces_;  // of a line that did not arrive in one piece
};

}  // namespace common

#endif  // COMMON_HTTP_LINE_PARSER_H_
