#include "common/http/metrics.h"

namespace common {

HttpMetrics::HttpMetrics(prometheus::Registry& registry)
    : requests_(prometheus::BuildCounter()
                    .Name("http_requests_total")
                    .Help("Requests with a response, by route and status.")
                    .Register(registry)),
      duration_(prometheus::BuildHistogram()
                    .Name("http_request_duration_seconds")
                    .Help("Time from the end of a request's head until its response is ready.")
                    .Register(registry)),
      connections_(prometheus::BuildGauge()
                       .Name("http_connections_active")
                       .Help("Open connections.")
                       .Register(registry)) {}

HttpMetrics::Route::Route(prometheus::Family<prometheus::Counter>& requests,
                          prometheus::Histogram& duration, const std::string& method,
                          const std::string& path)
    : requests_(&requests), method_(method), path_(path), duration_(&duration) {}

prometheus::Counter& HttpMetrics::Route::counter(int status) const {
  return requests_->Add({{"code", std::to_string(status)}, {"method", method_}, {"path", path_}});
}

void HttpMetrics::Route::expect(std::initializer_list<int> statuses) {
  for (const int status : statuses) by_status_.emplace(status, &counter(status));
}

void HttpMetrics::Route::observe(int status, std::chrono::duration<double> took) {
  const auto expected = by_status_.find(status);
  (expected == by_status_.end() ? counter(status) : *expected->second).Increment();
  duration_->Observe(took.count());
}

HttpMetrics::Route HttpMetrics::route(const std::string& method, const std::string& path) {
  const prometheus::Histogram::BucketBoundaries seconds = {
      0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
  return {requests_, duration_.Add({{"method", method}, {"path", path}}, seconds), method, path};
}

prometheus::Gauge& HttpMetrics::connections_active(const std::string& listener) {
  return connections_.Add({{"listener", listener}});
}

}  // namespace common
