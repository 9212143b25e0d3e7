// Finds the handler of a request by its path and method, checks the body, and turns exceptions into
// error responses. Independent of sockets and of the HTTP library.

#ifndef COMMON_HTTP_ROUTER_H_
#define COMMON_HTTP_ROUTER_H_

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "common/http/body.h"
#include "common/http/limits.h"
#include "common/http/message.h"
#include "common/http/metrics.h"

namespace common {

// The request bodies that a route accepts.
struct BodyRule {
  std::size_t max_bytes = kMaxBodyBytes;  // longer: 413, and the connection is closed
  bool json_required = false;             // not application/json: 415
};

// Called before the body is read. If it returns a response, the route is not called.
using HttpGuard = std::function<std::optional<HttpResponse>(const HttpRequest&)>;

// A request whose head was read, and the results of routing.
struct RoutedRequest {
  HttpRequest request = {};
  std::optional<BodyFraming> framing = {};  // nullopt if the length is invalid or ambiguous
  ReadBytes read_body = {};

  bool body_was_read = false;
  HttpMetrics::Route* metrics = nullptr;  // of the route; nullptr if there is none
};

// Add all routes first; after that it is thread-safe.
class HttpRouter {
 public:
  // `metrics` must outlive the router.
  explicit HttpRouter(HttpMetrics& metrics) : metrics_(metrics) {}

  // GET includes HEAD. A path matches only if equal.
  void get(const std::string& path, HttpHandler handler);
  void post(const std::string& path, BodyRule rule, HttpHandler handler);
  void set_guard(HttpGuard guard) { guard_ = std::move(guard); }

  // Maps the exceptions of a handler: BadRequest to 400, Unavailable to 503, any other to 500. The
  // last two are logged.
  HttpResponse answer(RoutedRequest& routed);

 private:
  struct Method {
    HttpHandler handler;
    BodyRule body_rule;
    HttpMetrics::Route metrics;
  };
  using Methods = std::map<std::string, Method>;

  HttpResponse route(RoutedRequest& routed);

  HttpMetrics& metrics_;
  HttpGuard guard_;
  std::map<std::string, Methods> paths_;
};

}  // namespace common

#endif  // COMMON_HTTP_ROUTER_H_
