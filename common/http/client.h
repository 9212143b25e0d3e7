// An HTTP/1.1 client that keeps one connection alive. It is cpp-httplib's client with limits for
// the whole call.
//
// It does not follow redirects and does not retry: the caller decides what a response means. Before
// it sends a request, it replaces the kept connection if the server has closed it, or if it was
// idle for too long. It tries all addresses of a host.
// Not thread-safe: give each thread its own.

#ifndef COMMON_HTTP_CLIENT_H_
#define COMMON_HTTP_CLIENT_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "common/http/address_lookup.h"
#include "common/http/limits.h"
#include "common/http/message.h"

namespace common {

struct HttpClientOptions {
  std::string base_url;  // see base_url.h; its path precedes the path of each call
  std::chrono::milliseconds connect_timeout = kConnectTimeout;
  std::chrono::milliseconds call_timeout = kCallTimeout;  // the whole call
  std::chrono::milliseconds idle_timeout = kClientIdleTimeout;
  std::size_t max_response_bytes = kMaxResponseBytes;
  std::shared_ptr<AddressLookup> addresses = {};  // of the host; one of its own if null
};

struct HttpReply {
  int status;
  HttpHeaders headers;
  std::string body;

  // The first value of the header, or "" when there is none.
  std::string_view header(std::string_view name) const;
};

struct HttpFailure {
  enum class Kind {
    kNotSent,   // no connection: the server received nothing of the request
    kNoAnswer,  // sent at least in part, no complete response received: the outcome is unknown
  };
  Kind kind;
  std::string message;  // for logs: "connection refused", "timed out", ...
};

using HttpResult = std::variant<HttpReply, HttpFailure>;

class HttpClient {
 public:
  // Throws std::invalid_argument when base_url is not an http URL.
  explicit HttpClient(HttpClientOptions options);
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  HttpResult get(const std::string& path, const HttpHeaders& headers = {});
  HttpResult post(const std::string& path, const HttpHeaders& headers, const std::string& body,
                  const std::string& content_type = "application/json");

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Adds the header Authorization (RFC 6750, section 2.1) if there is a token.
void add_bearer_token(HttpHeaders& headers, const std::optional<std::string>& token);

}  // namespace common

#endif  // COMMON_HTTP_CLIENT_H_
