// Prometheus metrics of HTTP, for all listeners. Thread-safe.

#ifndef COMMON_HTTP_METRICS_H_
#define COMMON_HTTP_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <chrono>
#include <initializer_list>
#include <map>
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
    // The route can respond with these statuses. So they are exported as 0 from the start, and
    // Prometheus sees the first one as an increase. Others are exported from their first response
    // on. Not concurrently with observe().
    void expect(std::initializer_list<int> statuses);
    void observe(int status, std::chrono::duration<double> took);

   private:
    friend class HttpMetrics;
    Route(prometheus::Family<prometheus::Counter>& requests, prometheus::Histogram& duration,
          const std::string& method, const std::string& path);
    prometheus::Counter& counter(int status) const;

    prometheus::Family<prometheus::Counter>* requests_;
    std::string method_;
    std::string path_;
    std::map<int, prometheus::Counter*> by_status_;  // the expected ones
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
