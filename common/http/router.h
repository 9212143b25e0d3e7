// Finds the handler of a request by its path and method, and turns exceptions into error responses.
// Independent of sockets and of the HTTP library.

#ifndef COMMON_HTTP_ROUTER_H_
#define COMMON_HTTP_ROUTER_H_

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/limits.h"
#include "common/http/message.h"
#include "common/http/metrics.h"

namespace common {

// The request bodies that a route accepts.
struct BodyRule {
  std::size_t max_bytes = kMaxBodyBytes;  // longer: 413, and the connection is closed
  bool json_required = false;             // not application/json: 415
};

// Called before the body is read, on the I/O thread: must not block. If it returns a response, the
// route is not called.
using HttpGuard = std::function<std::optional<HttpResponse>(const HttpRequest&)>;

// Add all routes first; after that it is thread-safe.
class HttpRouter {
 public:
  // `metrics` must outlive the router.
  explicit HttpRouter(HttpMetrics& metrics) : metrics_(metrics) {}

  enum class Access {
    kGuarded,
    kOpen,  // the guard is not called
  };

  // GET includes HEAD. A path is equal, or has one parameter: "/invoices/{id}/pay" matches if the
  // part of the request's path has the form of an id (common/base/ascii.h). If several match, the
  // request can have the methods of all. An equal path wins if it has the method.
  //
  // With `instant`, requests can be answered also if all workers wait. `parameters` are the names
  // of the query parameters that the handlers know; a request with another one, or with one twice,
  // gets 400.
  //
  // A POST that a page of another site sends gets 403.
  //
  // The route that they return is for Route::may_respond().
  struct Route;
  Route& get(const std::string& path, HttpHandler handler, Access access = Access::kGuarded,
             InstantHttpHandler instant = {}, std::vector<std::string> parameters = {});
  Route& get_deferred(const std::string& path, DeferredHttpHandler handler);
  Route& post(const std::string& path, BodyRule rule, HttpHandler handler);
  Route& post_deferred(const std::string& path, BodyRule rule, DeferredHttpHandler handler);
  void set_guard(HttpGuard guard) { guard_ = std::move(guard); }

  struct Route {
    InstantHttpHandler instant;  // may be empty
    DeferredHttpHandler handler;
    bool reads_body;
    BodyRule body_rule;
    Access access;
    std::vector<std::string> parameters;
    HttpMetrics::Route metrics;

    // The statuses that the handlers respond with, for the metrics. Every route can respond with
    // those of kStatusesOfAll, and with POST also those of kStatusesOfPost (router.cpp).
    void may_respond(std::initializer_list<int> statuses) { metrics.expect(statuses); }
  };
  // If there is a refusal, it is the response, and the route must not be called.
  struct Match {
    Route* route = nullptr;  // nullptr if there is none
    std::optional<HttpResponse> refusal = {};
  };

  // Finds the route of a request whose body has not been read, and sets the request's parameters.
  // Does not block.
  Match match(HttpRequest& request, bool has_body);

  // The response of the route's instant handler, if it gives one. Does not block. Maps exceptions,
  // as answer() does.
  static std::optional<HttpResponse> answer_now(const Route& route, const HttpRequest& request);

  // Calls the handler, which may block. `send` is called once, now or later, by any thread. The
  // request must live until then. Maps exceptions: BadRequest to 400, Unavailable to 503, any other
  // to 500. The last two are logged.
  static void answer(const Route& route, const HttpRequest& request,
                     std::function<void(HttpResponse)> send);

 private:
  using Paths = std::map<std::string, Route, std::less<>>;
  struct RoutesOfMethod {
    Paths equal;      // without a parameter
    Paths templates;  // with one
  };

  // Sets the request's path parameter. nullptr if no matching path has this method.
  Route* find_route(std::string_view method, HttpRequest& request);
  // 404 or 405, for a request without a route.
  HttpResponse refuse_path_or_method(HttpRequest& request);
  std::optional<HttpResponse> refuse(HttpRequest& request, bool has_body, Route*& route);
  Route& add(const std::string& method, const std::string& path, BodyRule rule,
             DeferredHttpHandler handler, Access access = Access::kGuarded,
             InstantHttpHandler instant = {}, std::vector<std::string> parameters = {});

  HttpMetrics& metrics_;
  HttpGuard guard_;
  std::map<std::string, RoutesOfMethod, std::less<>> routes_;
};

}  // namespace common

#endif  // COMMON_HTTP_ROUTER_H_
