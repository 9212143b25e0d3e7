#include "common/http/router.h"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "common/base/ascii.h"
#include "common/base/bad_request.h"
#include "common/base/unavailable.h"
#include "common/http/problem.h"
#include "common/http/query.h"
#include "common/log/log.h"

namespace common {
namespace {

// Of the router and the server: an unknown parameter, a failure, no worker or no storage.
constexpr std::initializer_list<int> kStatusesOfAll = {200, 400, 500, 503};
// Of reading a body, and of a page of another site.
constexpr std::initializer_list<int> kStatusesOfPost = {403, 408, 413, 415};

HttpResponse error(int status, std::string detail) {
  return to_response({.status = status, .detail = std::move(detail)});
}

HttpResponse unavailable(const std::string& detail) {
  HttpResponse response = error(503, detail);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

// RFC 9110, section 9.3, and RFC 5789.
bool is_known_method(std::string_view method) {
  constexpr auto kMethods = std::to_array<std::string_view>(
      {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"});
  return std::find(kMethods.begin(), kMethods.end(), method) != kMethods.end();
}

// Whether a page of another origin lets a person's browser send this (cross-site request forgery).
// Only browsers send these headers, and pages cannot change them:
// https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header, only with TLS and to this machine;
// RFC 6454, section 7: Origin. Schemes are not compared: a proxy may end TLS.
bool is_forged(const HttpRequest& request) {
  if (request.method != "POST") return false;
  const auto sites = request.header_values("Sec-Fetch-Site");
  if (sites.size() == 1) return sites.front() != "same-origin" && sites.front() != "none";
  const auto origins = request.header_values("Origin");
  if (sites.empty() && origins.empty()) return false;
  const auto hosts = request.header_values("Host");
  if (!sites.empty() || origins.size() != 1 || hosts.size() != 1) return true;
  const auto scheme_end = origins.front().find("://");
  return scheme_end == std::string_view::npos ||
         !equal_ignoring_case(origins.front().substr(scheme_end + 3), hosts.front());
}

// The value of the parameter if the template ("/invoices/{id}") matches the path, else nullopt.
std::optional<std::string_view> match_template(std::string_view path_template,
                                               std::string_view path) {
  const std::string_view begin = path_template.substr(0, path_template.find('{'));
  const std::string_view end = path_template.substr(path_template.find('}') + 1);
  if (path.size() < begin.size() + end.size() || !path.starts_with(begin) || !path.ends_with(end)) {
    return std::nullopt;
  }
  path.remove_prefix(begin.size());
  path.remove_suffix(end.size());
  return is_id(path) ? std::optional(path) : std::nullopt;
}

std::optional<HttpResponse> refuse_type(const HttpRequest& request) {
  constexpr std::string_view kWanted = "send Content-Type: application/json";
  const auto types = request.header_values("Content-Type");
  if (types.empty()) return error(415, "there is no Content-Type; " + std::string(kWanted));
  const ContentType type = parse_content_type(types.front());
  if (types.size() != 1 || type.media_type != "application/json") {
    return error(415, "the Content-Type is " + shown(types.front()) + "; " + std::string(kWanted));
  }
  if (!type.charset.empty() && type.charset != "utf-8") {
    return error(415, "the charset is " + shown(type.charset) + "; JSON is always UTF-8");
  }
  return std::nullopt;
}

std::optional<HttpResponse> refuse_body(const HttpRequest& request, const BodyRule& rule) {
  for (const auto encoding : request.header_values("Content-Encoding")) {
    if (!equal_ignoring_case(encoding, "identity")) {
      return error(
          415, "the Content-Encoding is " + shown(encoding) + "; bodies must not be compressed");
    }
  }
  return rule.json_required ? refuse_type(request) : std::nullopt;
}

HttpResponse to_response(const Outcome<HttpResponse>& outcome) {
  try {
    return outcome();
  } catch (const BadRequest& failure) {
    return error(400, failure.what());
  } catch (const Unavailable& failure) {
    log_error("unavailable", {{"error", failure.what()}});
    // The error names the database, which is not for clients.
    return unavailable("the service can't do this now; its log has the reason");
  } catch (const std::exception& failure) {
    log_error("request failed", {{"error", failure.what()}});
    return error(500, "an unexpected error; see the log");
  }
}

}  // namespace

HttpRouter::Route& HttpRouter::add(const std::string& method, const std::string& path,
                                   BodyRule rule, DeferredHttpHandler handler, Access access,
                                   InstantHttpHandler instant,
                                   std::vector<std::string> parameters) {
  RoutesOfMethod& routes = routes_[method];
  Paths& paths = path.find('{') == std::string::npos ? routes.equal : routes.templates;
  Route& route = paths
                     .emplace(path, Route{.instant = std::move(instant),
                                          .handler = std::move(handler),
                                          .reads_body = method == "POST",
                                          .body_rule = rule,
                                          .access = access,
                                          .parameters = std::move(parameters),
                                          .metrics = metrics_.route(method, path)})
                     .first->second;
  route.may_respond(kStatusesOfAll);
  if (route.reads_body) route.may_respond(kStatusesOfPost);
  return route;
}

HttpRouter::Route& HttpRouter::get(const std::string& path, HttpHandler handler, Access access,
                                   InstantHttpHandler instant,
                                   std::vector<std::string> parameters) {
  return add(
      "GET", path, {},
      [handler = std::move(handler)](const HttpRequest& request, const HttpRespond& respond) {
        respond([&] { return handler(request); });
      },
      access, std::move(instant), std::move(parameters));
}

HttpRouter::Route& HttpRouter::get_deferred(const std::string& path, DeferredHttpHandler handler) {
  return add("GET", path, {}, std::move(handler));
}

HttpRouter::Route& HttpRouter::post(const std::string& path, BodyRule rule, HttpHandler handler) {
  return post_deferred(
      path, rule,
      [handler = std::move(handler)](const HttpRequest& request, const HttpRespond& respond) {
        respond([&] { return handler(request); });
      });
}

HttpRouter::Route& HttpRouter::post_deferred(const std::string& path, BodyRule rule,
                                             DeferredHttpHandler handler) {
  return add("POST", path, rule, std::move(handler));
}

HttpRouter::Match HttpRouter::match(HttpRequest& request, bool has_body) {
  Match match;
  match.refusal = refuse(request, has_body, match.route);
  return match;
}

HttpRouter::Route* HttpRouter::find_route(std::string_view method, HttpRequest& request) {
  const auto routes = routes_.find(method == "HEAD" ? "GET" : method);
  if (routes == routes_.end()) return nullptr;
  auto& [equal, templates] = routes->second;
  if (const auto route = equal.find(request.path); route != equal.end()) return &route->second;
  for (auto& [path_template, route] : templates) {
    if (const auto value = match_template(path_template, request.path)) {
      request.path_parameter = *value;
      return &route;
    }
  }
  return nullptr;
}

HttpResponse HttpRouter::refuse_path_or_method(HttpRequest& request) {
  std::string allowed;
  for (const std::string_view method : {"GET", "HEAD", "POST"}) {
    if (find_route(method, request) == nullptr) continue;
    if (!allowed.empty()) allowed += ", ";
    allowed += method;
  }
  if (allowed.empty()) return error(404, "there is no such path");
  HttpResponse response = error(405, "this path does not allow this method");
  response.headers.emplace_back("Allow", std::move(allowed));
  return response;
}

std::optional<HttpResponse> HttpRouter::refuse(HttpRequest& request, bool has_body, Route*& route) {
  if (!is_known_method(request.method)) {
    return error(501, "the method " + shown(request.method) + " is not known");
  }
  route = find_route(request.method, request);
  if (route != nullptr && is_forged(request)) {
    return error(403, "a page of another origin sent this request");
  }
  if (guard_ && (route == nullptr || route->access == Access::kGuarded)) {
    if (auto response = guard_(request)) return response;
  }
  if (route == nullptr) return refuse_path_or_method(request);
  try {
    request.parameters = parse_query(request.query, route->parameters);
  } catch (const BadRequest& failure) {
    return error(400, failure.what());
  }
  if (has_body && route->reads_body) return refuse_body(request, route->body_rule);
  return std::nullopt;
}

std::optional<HttpResponse> HttpRouter::answer_now(const Route& route, const HttpRequest& request) {
  if (!route.instant) return std::nullopt;
  const RequestScope scope(request.context);
  try {
    return route.instant(request);
  } catch (...) {
    return to_response([]() -> HttpResponse { throw; });
  }
}

void HttpRouter::answer(const Route& route, const HttpRequest& request,
                        std::function<void(HttpResponse)> send) {
  const HttpRespond respond = [send = std::move(send),
                               context = request.context](const Outcome<HttpResponse>& outcome) {
    const RequestScope scope(context);
    send(to_response(outcome));
  };
  const RequestContext context = request.context;  // the request can end before the handler does
  const RequestScope scope(context);
  try {
    route.handler(request, respond);
  } catch (...) {
    respond(
        [error = std::current_exception()]() -> HttpResponse { std::rethrow_exception(error); });
  }
}

}  // namespace common
