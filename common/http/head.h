// The head of a request, read strictly (RFC 9112, sections 2.2 and 5): what one reader takes for a
// header and another skips is how requests get smuggled. Safe to call from any thread.

#ifndef COMMON_HTTP_HEAD_H_
#define COMMON_HTTP_HEAD_H_

#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "common/http/message.h"

namespace common {

struct RequestHead {
  std::string request_line = {};  // as it came, with its CR LF
  HttpHeaders headers = {};
};

enum class HeadError {
  kIncomplete,      // the connection ended, or its time was up
  kMalformed,       // not as heads are written
  kTooManyHeaders,  // over kMaxHeaders
};

// Returns the next line with its line feed; ends it early, without one, at a byte that no head has.
// Nothing when no more can be had.
using ReadLine = std::function<std::optional<std::string>()>;

// Reads to the empty line after the last header. Gives up at the first line that is malformed.
std::variant<RequestHead, HeadError> read_head(const ReadLine& read_line);

// Whether a byte ends a line of a head: it does properly, as its line feed, or is a control
// character that must not be there.
bool ends_head_line(char c);

}  // namespace common

#endif  // COMMON_HTTP_HEAD_H_
