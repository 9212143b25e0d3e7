#include "common/http/base_url.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>

namespace common {
namespace {

std::optional<int> to_port(std::string_view text) {
  int port = 0;
  const char* end = text.data() + text.size();
  const auto [stopped_at, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || stopped_at != end || port < 1 || port > 65535) return std::nullopt;
  return port;
}

bool is_ipv6_address(const std::string& text) {
  in6_addr address{};
  return ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

// A reg-name (RFC 3986, 3.2.2) without percent-encoding, which DNS does not know. IPv4 addresses
// have this form too.
bool is_name(std::string_view text) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=";
  return !text.empty() && text.find_first_not_of(kAllowed) == std::string_view::npos;
}

}  // namespace

std::optional<BaseUrl> parse_base_url(std::string_view text) {
  const auto unusable = [](char c) { return c <= ' ' || c > '~' || c == '?' || c == '#'; };
  if (!text.starts_with(kHttpScheme) || std::any_of(text.begin(), text.end(), unusable)) {
    return std::nullopt;
  }
  text.remove_prefix(kHttpScheme.size());
  const std::size_t slash = std::min(text.find('/'), text.size());
  std::string_view host = text.substr(0, slash);
  std::string_view path = text.substr(slash);
  while (path.ends_with('/')) path.remove_suffix(1);

  BaseUrl url{.host = {}, .path = std::string(path)};
  const std::size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && !host.ends_with(']')) {
    const auto port = to_port(host.substr(colon + 1));
    if (!port) return std::nullopt;
    url.port = *port;
    host = host.substr(0, colon);
  }
  const bool has_brackets = host.starts_with('[') && host.ends_with(']');
  url.host = has_brackets ? host.substr(1, host.size() - 2) : host;
  if (has_brackets ? !is_ipv6_address(url.host) : !is_name(url.host)) return std::nullopt;
  return url;
}

std::string authority(const BaseUrl& url) {
  const bool is_ipv6 = url.host.find(':') != std::string::npos;
  std::string text = is_ipv6 ? "[" + url.host + "]" : url.host;
  if (url.port != 80) text += ":" + std::to_string(url.port);
  return text;
}

std::string to_string(const BaseUrl& url) {
  return std::string(kHttpScheme) + authority(url) + url.path;
}

}  // namespace common
