// HTTP requests and responses as the routes see them: plain values without sockets, so that a test
// can call a route like any function.

#ifndef COMMON_HTTP_MESSAGE_H_
#define COMMON_HTTP_MESSAGE_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/outcome.h"
#include "common/log/request_context.h"

namespace common {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;
using QueryParameters = std::map<std::string, std::string, std::less<>>;  // decoded values by name

struct HttpRequest {
  std::string method = {};
  std::string path = {};            // decoded, without the query
  std::string query = {};           // as sent, without the question mark
  std::string path_parameter = {};  // set by the router: what "{id}" of the route's path stands for
  QueryParameters parameters = {};  // set by the router: those of the query that the route knows
  HttpHeaders headers = {};
  std::string body = {};
  // The client's X-Request-Id and trace if they are valid, else new ones.
  RequestContext context = {};

  // All values of a header, in order. The case of names is ignored (RFC 9110, section 5.1).
  std::vector<std::string_view> header_values(std::string_view name) const;

  // Whether a header whose value is a list of tokens, such as Connection, has this token. `token`
  // is in lower case.
  bool has_token(std::string_view header, std::string_view token) const;

  // Whether Accept (RFC 9110, section 12.5.1) names this media type, and does not prefer `other`.
  // "*/*" names nothing. Both types are in lower case. Parameters of media types are ignored.
  bool asks_for(std::string_view media_type, std::string_view other) const;
};

// Takes a chunk of a response, or nullopt at its end. Does not block.
using OnHttpChunk = std::function<void(std::optional<std::string>)>;

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  HttpHeaders headers = {};

  // If set, this is the body, and `body` is ignored. Several responses can share one.
  std::shared_ptr<const std::string> shared_body = {};

  // If set, called for each chunk until it returns nullopt; `body` is ignored. It is called by any
  // worker, after the socket has accepted the previous chunk. It may block, but must not hold a
  // lock or a transaction between calls. If it throws, the client sees that the response is
  // incomplete.
  std::function<std::optional<std::string>()> next_chunk = {};

  // The same for chunks that come later, such as events: no worker waits for them. Called by the
  // I/O thread for each chunk, after the socket has accepted the previous one. Must not block or
  // throw, and must call `on_chunk` once, now or later, from any thread.
  std::function<void(const OnHttpChunk& on_chunk)> await_chunk = {};

  bool is_streamed() const { return next_chunk || await_chunk; }
};

// Handles a request on a worker. May block.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

// Answers on the I/O thread, or returns nothing: then a worker calls the HttpHandler. Must not
// block.
using InstantHttpHandler = std::function<std::optional<HttpResponse>(const HttpRequest&)>;

// Like HttpHandler, but the response may follow later, from any thread, so that no worker waits for
// it. Either throws, or calls `respond` once, now or later. The request is valid until then.
using HttpRespond = OnOutcome<HttpResponse>;
using DeferredHttpHandler = std::function<void(const HttpRequest&, const HttpRespond& respond)>;

// The reason phrase of a status (RFC 9110, section 15; RFC 4918, section 11.1), e.g. "Not Found".
std::string_view reason_phrase(int status);

// A Content-Type value (RFC 9110, section 8.3), in lower case.
struct ContentType {
  std::string media_type = {};
  std::string charset = {};  // "" if there is none
};
ContentType parse_content_type(std::string_view value);

}  // namespace common

#endif  // COMMON_HTTP_MESSAGE_H_
