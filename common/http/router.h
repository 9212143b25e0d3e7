// From a request to its answer: the few exact paths of a listener with their methods, the rules for
// bodies, and errors as problem details. Knows nothing of sockets or of any HTTP library.

#ifndef COMMON_HTTP_ROUTER_H_
#define COMMON_HTTP_ROUTER_H_

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "common/http/body.h"
#include "common/http/message.h"
#include "common/http/metrics.h"

namespace common {

// What a route says of request bodies.
struct BodyRule {
  std::size_t max_bytes = 16 * 1024;  // over that: 413, connection closed
  bool json_required = false;         // a body that is not application/json: 415
};

// Asked before the route and before the body is read; an answer ends the request there.
using HttpGuard = std::function<std::optional<HttpResponse>(const HttpRequest&)>;

// A request whose head has been read, and what routing finds out about it.
struct RoutedRequest {
  HttpRequest request = {};
  std::optional<BodyFraming> framing = {};  // nothing: it can't be told where the body ends
  ReadBytes read_body = {};

  bool body_was_read = false;
  HttpMetrics::Route* metrics = nullptr;  // of the route that it took, if any
};

// Not thread-safe while routes are added, thread-safe after.
class HttpRouter {
 public:
  // `metrics` must outlive the router.
  explicit HttpRouter(HttpMetrics& metrics) : metrics_(metrics) {}

  // GET also serves HEAD. The path is compared whole.
  void get(const std::string& path, HttpHandler handler);
  void post(const std::string& path, BodyRule rule, HttpHandler handler);
  void set_guard(HttpGuard guard) { guard_ = std::move(guard); }

  // Never throws for what a handler does: Unavailable becomes 503, everything else 500, logged.
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
