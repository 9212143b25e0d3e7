// The target of a request (RFC 9112, section 3.2; RFC 3986). Functions are thread-safe.

#ifndef COMMON_HTTP_REQUEST_TARGET_H_
#define COMMON_HTTP_REQUEST_TARGET_H_

#include <optional>
#include <string>
#include <string_view>

namespace common {

struct RequestTarget {
  // Begins with a slash, or is "*". Percent-decoded, so it may contain any bytes. "%2F" stays, in
  // upper case: it is not a slash (RFC 3986, section 2.2). Dot segments stay too.
  std::string path = {};
  std::string query = {};  // as it was sent, without its question mark

  friend bool operator==(const RequestTarget&, const RequestTarget&) = default;
};

// Reads "/path?query", "http://authority/path?query" or "*". Returns nullopt for anything else, for
// a character that RFC 3986 does not allow, and for a percent sign without two hexadecimal digits.
// Host and port of the second form are checked and ignored.
std::optional<RequestTarget> parse_request_target(std::string_view target);

// Decodes the percent-escapes of a valid text, such as a part of a query: also those of slashes.
std::string percent_decode(std::string_view text);

// Whether the text is HOST or HOST:PORT: a name, an IPv4 address or an IPv6 address in brackets;
// the port is 0 to 65535 or empty (RFC 3986, sections 3.2.2 and 3.2.3). The host is not empty
// (RFC 9110, section 4.2.1). No user information (RFC 9110, section 4.2.4).
bool is_host_and_port(std::string_view text);

}  // namespace common

#endif  // COMMON_HTTP_REQUEST_TARGET_H_
