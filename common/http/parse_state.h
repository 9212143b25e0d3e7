// What the push parsers of requests (HeadParser, BodyParser) have in common.
//
// A push parser is fed with bytes as they arrive, split anywhere. It consumes bytes until it is
// complete or malformed. The bytes after a complete request belong to the next one.

#ifndef COMMON_HTTP_PARSE_STATE_H_
#define COMMON_HTTP_PARSE_STATE_H_

#include <string_view>

namespace common {

enum class ParseState {
  kNeedMore,
  kComplete,
  kMalformed,  // nobody knows where the next request begins: respond, then close the connection
};

// The response to malformed input.
struct ParseError {
  int status = 400;
  std::string_view detail = {};  // a literal

  friend bool operator==(const ParseError&, const ParseError&) = default;
};

}  // namespace common

#endif  // COMMON_HTTP_PARSE_STATE_H_
