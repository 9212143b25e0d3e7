// Request bodies off a connection (RFC 9112, sections 6 and 7.1). Strict, because what two readers
// of one connection take differently is how requests get smuggled. Safe to call from any thread.

#ifndef COMMON_HTTP_BODY_H_
#define COMMON_HTTP_BODY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "common/http/message.h"

namespace common {

struct BodyFraming {
  bool chunked = false;
  std::uint64_t length = 0;  // when not chunked; 0: there is no body

  bool has_body() const { return chunked || length > 0; }
};

// What a request's headers say of its body. Nothing when they are invalid or can be taken in more
// than one way: Content-Length beside Transfer-Encoding, two lengths that differ, a coding other
// than chunked.
std::optional<BodyFraming> read_framing(const HttpHeaders& headers);

enum class BodyError {
  kTooLarge,    // over the limit; the rest was not read
  kMalformed,   // not as chunks are written
  kIncomplete,  // the connection ended, or its time was up
};

// Reads up to `size` bytes and returns how many; 0 or less when no more can be had.
using ReadBytes = std::function<std::ptrdiff_t(char* to, std::size_t size)>;

// Reads a body of at most `max_bytes`. A length over that is refused before anything is read.
std::variant<std::string, BodyError> read_body(const BodyFraming& framing, std::size_t max_bytes,
                                               const ReadBytes& read);

}  // namespace common

#endif  // COMMON_HTTP_BODY_H_
