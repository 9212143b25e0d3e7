#include "common/http/metrics.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace common {

HttpMetrics::HttpMetrics(prometheus::Registry& registry)
    : requests_(prometheus::BuildCounter()
                    .Name("http_requests_total")
                    .Help("Requests with a response, by route and class of status.")
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
    : duration_(&duration) {
  for (std::size_t i = 0; i < std::size(by_class_); ++i) {
    const std::string status_class = std::to_string(i + 1) + "xx";
    by_class_[i] = &requests.Add({{"method", method}, {"path", path}, {"status", status_class}});
  }
}

void HttpMetrics::Route::observe(int status, std::chrono::duration<double> took) {
  const int status_class = std::clamp(status / 100, 1, 5);
  by_class_[status_class - 1]->Increment();
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
