// HTTP requests and responses as the services' routes see them: plain values without sockets, so a
// route is a function that a test can call.

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
  std::string request_id = {};  // the client's X-Request-Id where it is usable, else a new one

  // All values of a header, in order; names are compared without case (RFC 9110, section 5.1).
  std::vector<std::string_view> header_values(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  HttpHeaders headers = {};

  // When set, the body is what this yields, piece by piece, until it yields nothing; `body` is then
  // unused. Called on the connection's thread between writes to the client, so it must not hold a
  // lock or a transaction from one call to the next. What it throws cuts the response short in a
  // way that the client can see.
  std::function<std::optional<std::string>()> next_chunk = {};
};

// Names of headers, schemes and some tokens mean the same in upper and lower case (ASCII).
bool equal_ignoring_case(std::string_view a, std::string_view b);

using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

// The reason phrase of a status (RFC 9110, section 15), e.g. "Not Found".
std::string_view reason_phrase(int status);

// The media type of a Content-Type value without its parameters, in lower case.
std::string media_type(std::string_view content_type);

}  // namespace common

#endif  // COMMON_HTTP_MESSAGE_H_
