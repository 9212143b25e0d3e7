#include "common/http_client.h"

#include <httplib.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "common/fault_point.h"

namespace common {
namespace {

using std::chrono::steady_clock;

struct BaseUrl {
  std::string host;
  int port = 80;
  std::string path = {};  // without a slash at its end
};

std::optional<int> to_port(std::string_view text) {
  int port = 0;
  const char* end = text.data() + text.size();
  const auto [stopped_at, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || stopped_at != end || port < 1 || port > 65535) return std::nullopt;
  return port;
}

// http://HOST[:PORT][/PATH]; nothing when the text is anything else.
std::optional<BaseUrl> parse_base_url(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  const auto unusable = [](char c) { return c <= ' ' || c > '~' || c == '?' || c == '#'; };
  if (!text.starts_with(kScheme) || std::any_of(text.begin(), text.end(), unusable)) {
    return std::nullopt;
  }
  text.remove_prefix(kScheme.size());

  BaseUrl url;
  const std::size_t slash = std::min(text.find('/'), text.size());
  std::string_view path = text.substr(slash);
  while (path.ends_with('/')) path.remove_suffix(1);
  url.path = path;

  std::string_view authority = text.substr(0, slash);
  if (const std::size_t colon = authority.rfind(':'); colon != std::string_view::npos) {
    const auto port = to_port(authority.substr(colon + 1));
    if (!port) return std::nullopt;
    url.port = *port;
    authority = authority.substr(0, colon);
  }
  if (authority.empty() || authority.find_first_of("@:[]") != std::string_view::npos) {
    return std::nullopt;
  }
  url.host = authority;
  return url;
}

BaseUrl require_base_url(const std::string& text) {
  auto url = parse_base_url(text);
  if (!url) throw std::invalid_argument("not an http URL: " + text);
  return std::move(*url);
}

}  // namespace

class HttpClient::Impl {
 public:
  explicit Impl(HttpClientOptions options)
      : options_(std::move(options)),
        url_(require_base_url(options_.base_url)),
        client_(url_.host, url_.port) {
    client_.set_keep_alive(true);
    client_.set_tcp_nodelay(true);
    client_.set_follow_location(false);
    client_.set_decompress(false);
    client_.set_connection_timeout(options_.connect_timeout);
    client_.set_write_timeout(options_.call_timeout);
    client_.set_read_timeout(options_.call_timeout);
    limit_whole_call(client_);
  }

  HttpResult send(const std::string& method, const std::string& path, const HttpHeaders& headers,
                  const std::string& body = {}, const std::string& content_type = {}) {
    const auto deadline = steady_clock::now() + options_.call_timeout;
    std::string received;
    const char* given_up = nullptr;

    httplib::Request request;
    request.method = method;
    request.path = url_.path + path;
    for (const auto& [name, value] : headers) request.set_header(name, value);
    if (!content_type.empty()) request.set_header("Content-Type", content_type);
    request.body = body;
    request.content_receiver = [&](const char* data, std::size_t size, auto, auto) {
      fault_point("in-call");
      received.append(data, size);
      if (received.size() > options_.max_response_bytes) given_up = "the answer is too large";
      if (steady_clock::now() > deadline) given_up = "the answer takes too long";
      return given_up == nullptr;
    };

    fault_point("before-call");
    const httplib::Result result = client_.send(request);
    fault_point("after-call");
    if (!result) return failure(result.error(), given_up);
    return HttpReply{.status = result->status,
                     .headers = {result->headers.begin(), result->headers.end()},
                     .body = std::move(received)};
  }

 private:
  // Newer versions of the library can; with older ones each read and write is limited, and so is
  // the time for the body as a whole.
  template <typename Client>
  void limit_whole_call(Client& client) {
    if constexpr (requires { client.set_max_timeout(options_.call_timeout); }) {
      client.set_max_timeout(options_.call_timeout);
    }
  }

  static HttpFailure failure(httplib::Error error, const char* given_up) {
    const bool not_sent = error == httplib::Error::Connection ||
                          error == httplib::Error::ConnectionTimeout ||
                          error == httplib::Error::BindIPAddress;
    std::string message = given_up != nullptr ? given_up : httplib::to_string(error);
    return {.kind = not_sent ? HttpFailure::Kind::kNotSent : HttpFailure::Kind::kNoAnswer,
            .message = not_sent ? "can't connect" : "no complete answer: " + std::move(message)};
  }

  const HttpClientOptions options_;
  const BaseUrl url_;
  httplib::Client client_;
};

std::string_view HttpReply::header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const auto& header) {
    return equal_ignoring_case(header.first, name);
  });
  return found == headers.end() ? std::string_view() : found->second;
}

HttpClient::HttpClient(HttpClientOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;

HttpResult HttpClient::get(const std::string& path, const HttpHeaders& headers) {
  return impl_->send("GET", path, headers);
}

HttpResult HttpClient::post(const std::string& path, const HttpHeaders& headers,
                            const std::string& body, const std::string& content_type) {
  return impl_->send("POST", path, headers, body, content_type);
}

bool is_http_base_url(const std::string& url) { return parse_base_url(url).has_value(); }

}  // namespace common
