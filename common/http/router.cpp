#include "common/http/router.h"

#include <exception>
#include <utility>
#include <variant>

#include "common/base/bad_request.h"
#include "common/base/unavailable.h"
#include "common/http/problem.h"
#include "common/log/log.h"

namespace common {
namespace {

HttpResponse error(int status, std::string detail) {
  return to_response({.status = status, .detail = std::move(detail)});
}

HttpResponse explain(BodyError failure, const BodyRule& rule) {
  switch (failure) {
    case BodyError::kTooLarge:
      return error(413, "the body is longer than " + std::to_string(rule.max_bytes) + " bytes");
    case BodyError::kMalformed:
      return error(400, "the chunked body is malformed");
    case BodyError::kIncomplete:
      return error(408, "the body was not complete in time");
  }
  return error(400, "the body can't be read");
}

// Reads the body into the request, or returns the error response.
std::optional<HttpResponse> take_body(RoutedRequest& routed, const BodyRule& rule) {
  if (!routed.framing->has_body()) return std::nullopt;
  for (const auto encoding : routed.request.header_values("Content-Encoding")) {
    if (!equal_ignoring_case(encoding, "identity")) {
      return error(415, "bodies must not be compressed");
    }
  }
  const auto types = routed.request.header_values("Content-Type");
  if (rule.json_required &&
      (types.size() != 1 || media_type(types.front()) != "application/json")) {
    return error(415, "Content-Type must be application/json");
  }
  auto body = read_body(*routed.framing, rule.max_bytes, routed.read_body);
  if (const auto* failure = std::get_if<BodyError>(&body)) return explain(*failure, rule);
  routed.body_was_read = true;
  routed.request.body = std::get<std::string>(std::move(body));
  return std::nullopt;
}

}  // namespace

void HttpRouter::get(const std::string& path, HttpHandler handler) {
  paths_[path].emplace("GET", Method{std::move(handler), {}, metrics_.route("GET", path)});
}

void HttpRouter::post(const std::string& path, BodyRule rule, HttpHandler handler) {
  paths_[path].emplace("POST", Method{std::move(handler), rule, metrics_.route("POST", path)});
}

HttpResponse HttpRouter::answer(RoutedRequest& routed) {
  const RequestIdScope scope(routed.request.request_id);
  try {
    return route(routed);
  } catch (const BadRequest& bad_request) {
    return error(400, bad_request.what());
  } catch (const Unavailable& unavailable) {
    log_error("unavailable", {{"error", unavailable.what()}});
    HttpResponse response = error(503, unavailable.what());
    response.headers.emplace_back("Retry-After", "1");
    return response;
  } catch (const std::exception& failure) {
    log_error("request failed", {{"error", failure.what()}});
    return error(500, "an unexpected error; see the log");
  }
}

HttpResponse HttpRouter::route(RoutedRequest& routed) {
  if (!routed.framing) return error(400, "the length of the body is invalid or ambiguous");
  if (guard_) {
    if (auto response = guard_(routed.request)) return std::move(*response);
  }
  const auto path = paths_.find(routed.request.path);
  if (path == paths_.end()) return error(404, "there is no such path");
  Methods& methods = path->second;
  const auto found = methods.find(routed.request.method == "HEAD" ? "GET" : routed.request.method);
  if (found == methods.end()) {
    HttpResponse response = error(405, "this path does not allow this method");
    std::string allowed = methods.contains("GET") ? "GET, HEAD" : "";
    if (methods.contains("POST")) allowed += allowed.empty() ? "POST" : ", POST";
    response.headers.emplace_back("Allow", std::move(allowed));
    return response;
  }
  Method& method = found->second;
  routed.metrics = &method.metrics;
  if (found->first == "POST") {
    if (auto response = take_body(routed, method.body_rule)) return std::move(*response);
  }
  return method.handler(routed.request);
}

}  // namespace common
