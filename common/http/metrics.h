// Prometheus metrics of HTTP, for all listeners. Thread-safe.

#ifndef COMMON_HTTP_METRICS_H_
#define COMMON_HTTP_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <chrono>
#include <string>

namespace common {

class HttpMetrics {
 public:
  // `registry` must outlive this.
  explicit HttpMetrics(prometheus::Registry& registry);

  // The metrics of one route, looked up once when the route is added: a lookup per request would
  // cost a lock and a hash. Valid as long as the registry.
  class Route {
   public:
    void observe(int status, std::chrono::duration<double> took);

   private:
    friend class HttpMetrics;
    Route(prometheus::Family<prometheus::Counter>& requests, prometheus::Histogram& duration,
          const std::string& method, const std::string& path);

    // Requests by class of status: 1xx .. 5xx.
    prometheus::Counter* by_class_[5];
    prometheus::Histogram* duration_;
  };

  // `path` is the route's path, never the request's, so that there are few label values.
  Route route(const std::string& method, const std::string& path);

  // Open connections of a listener.
  prometheus::Gauge& connections_active(const std::string& listener);

 private:
  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Family<prometheus::Histogram>& duration_;
  prometheus::Family<prometheus::Gauge>& connections_;
};

}  // namespace common

#endif  // COMMON_HTTP_METRICS_H_
