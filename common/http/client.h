// An HTTP/1.1 client that keeps one connection alive: cpp-httplib over connections of ours, which
// keep to the limits of the whole call. The only file on the client side that knows it, but for
// httplib_stream.h.
//
// Redirects are not followed, and nothing is sent twice: the caller decides what an answer means. A
// kept connection that turns out to be closed before anything is sent is replaced by a new one.
// Not thread-safe: give each thread its own.

#ifndef COMMON_HTTP_CLIENT_H_
#define COMMON_HTTP_CLIENT_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <variant>

#include "common/http/limits.h"
#include "common/http/message.h"

namespace common {

struct HttpClientOptions {
  std::string base_url;  // "http://host:port" with an optional path prefix; no query
  std::chrono::milliseconds connect_timeout = kConnectTimeout;
  std::chrono::milliseconds call_timeout = kCallTimeout;  // the whole call
  std::size_t max_response_bytes = kMaxResponseBytes;
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
    kNotSent,   // no connection: the server has seen nothing of the request
    kNoAnswer,  // sent at least in part, and no complete answer came: the outcome is unknown
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

// Whether the text is a base URL that HttpClient takes.
bool is_http_base_url(const std::string& url);

}  // namespace common

#endif  // COMMON_HTTP_CLIENT_H_
