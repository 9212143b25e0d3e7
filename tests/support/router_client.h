// Calls the routes of a service without sockets.

#ifndef TESTS_SUPPORT_ROUTER_CLIENT_H_
#define TESTS_SUPPORT_ROUTER_CLIENT_H_

#include <prometheus/registry.h>

#include <algorithm>
#include <cstddef>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "common/base/ascii.h"
#include "common/http/metrics.h"
#include "common/http/problem.h"
#include "common/http/router.h"

namespace tests {

class RouterClient {
 public:
  // For adding the routes.
  common::HttpRouter& router() { return router_; }

  common::HttpResponse get(const std::string& path, common::HttpHeaders headers = {}) {
    return send("GET", path, std::move(headers), "");
  }

  common::HttpResponse post(const std::string& path, const std::string& body,
                            common::HttpHeaders headers = {}) {
    headers.emplace_back("Content-Type", "application/json");
    return send("POST", path, std::move(headers), body);
  }

  // `target` is a path, or a path with a query.
  common::HttpResponse send(const std::string& method, const std::string& target,
                            common::HttpHeaders headers, std::string body) {
    const std::size_t path_end = std::min(target.find('?'), target.size());
    common::HttpRequest request{.method = method,
                                .path = target.substr(0, path_end),
                                .query = target.substr(std::min(path_end + 1, target.size())),
                                .headers = std::move(headers),
                                .context = {.request_id = "test"}};
    auto match = router_.match(request, !body.empty());
    if (match.refusal) return *match.refusal;
    if (body.size() > match.route->body_rule.max_bytes) {
      return common::to_response({.status = 413, .detail = "too long"});
    }
    request.body = std::move(body);
    auto response = common::HttpRouter::answer_now(*match.route, request);
    if (!response) response = answer(*match.route, request);
    if (response->shared_body) response->body = *response->shared_body;
    return *response;
  }

 private:
  static common::HttpResponse answer(const common::HttpRouter::Route& route,
                                     const common::HttpRequest& request) {
    const auto response = std::make_shared<std::promise<common::HttpResponse>>();
    common::HttpRouter::answer(route, request, [response](common::HttpResponse sent) {
      response->set_value(std::move(sent));
    });
    return response->get_future().get();
  }

  prometheus::Registry registry_;
  common::HttpMetrics metrics_{registry_};
  common::HttpRouter router_{metrics_};
};

// The header's value, or "no NAME".
inline std::string header(const common::HttpResponse& response, const std::string& name) {
  std::string found = "no " + name;
  for (const auto& [header, value] : response.headers) {
    if (common::equal_ignoring_case(header, name)) found = value;
  }
  return found;
}

// Status and type of a problem, e.g. "400 about:blank"; or why the response is no valid problem.
inline std::string problem(const common::HttpResponse& response) {
  if (response.content_type != "application/problem+json") return "no problem";
  const auto json = nlohmann::json::parse(response.body, nullptr, false);
  if (!json.is_object() || json.value("status", 0) != response.status ||
      json.value("title", "").empty() || json.value("detail", "").empty()) {
    return "not as in RFC 9457: " + response.body;
  }
  return std::to_string(response.status) + " " + json.value("type", "");
}

}  // namespace tests

#endif  // TESTS_SUPPORT_ROUTER_CLIENT_H_
