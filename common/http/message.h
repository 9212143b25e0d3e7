// HTTP requests and responses as the routes see them: plain values without sockets, so that a test
// can call a route like any function.

#ifndef COMMON_HTTP_MESSAGE_H_
#define COMMON_HTTP_MESSAGE_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace common {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method = {};
  std::string path = {};  // without the query
  HttpHeaders headers = {};
  std::string body = {};
  std::string request_id = {};  // the client's X-Request-Id if it is valid, else a new one

  // All values of a header, in order. The case of names is ignored (RFC 9110, section 5.1).
  std::vector<std::string_view> header_values(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  HttpHeaders headers = {};

  // If set, called for each chunk until it returns nullopt; `body` is ignored. Must not hold a lock
  // or transaction between calls, because the server writes in between. If it throws, the client
  // sees that the response is incomplete.
  std::function<std::optional<std::string>()> next_chunk = {};
};

// Compares ASCII text, ignoring case, as for header names and schemes.
bool equal_ignoring_case(std::string_view a, std::string_view b);

using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

// The reason phrase of a status (RFC 9110, section 15), e.g. "Not Found".
std::string_view reason_phrase(int status);

// The media type of a Content-Type value without its parameters, in lower case.
std::string media_type(std::string_view content_type);

}  // namespace common

#endif  // COMMON_HTTP_MESSAGE_H_
