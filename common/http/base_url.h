// The base URL of a server that a client calls: http://HOST[:PORT][/PATH] (RFC 3986).

#ifndef COMMON_HTTP_BASE_URL_H_
#define COMMON_HTTP_BASE_URL_H_

#include <optional>
#include <string>
#include <string_view>

namespace common {

inline constexpr std::string_view kHttpScheme = "http://";

struct BaseUrl {
  std::string host;  // a name, an IPv4 address, or an IPv6 address without its brackets
  int port = 80;
  std::string path = {};  // without a slash at its end
};

// Nothing for any other form: another scheme, user information, a query, a fragment, a zone id
// ("[fe80::1%eth0]"), a port outside 1 to 65535, percent-encoding in the host.
std::optional<BaseUrl> parse_base_url(std::string_view text);

// HOST[:PORT], as in the Host header: an IPv6 address has brackets, port 80 is left out.
std::string authority(const BaseUrl& url);

std::string to_string(const BaseUrl& url);

}  // namespace common

#endif  // COMMON_HTTP_BASE_URL_H_
