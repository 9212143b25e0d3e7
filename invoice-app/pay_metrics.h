// The Prometheus metrics of paying. Thread-safe.

#ifndef INVOICE_APP_PAY_METRICS_H_
#define INVOICE_APP_PAY_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace invoice_app {

struct PayMetrics {
  // `registry` must outlive this.
  explicit PayMetrics(prometheus::Registry& registry);

  // Attempts, by the outcome of each.
  prometheus::Counter& paid;
  prometheus::Counter& refused;
  prometheus::Counter& unknown;

  prometheus::Histogram& call_seconds;
  prometheus::Gauge& breaker_open;  // 1 while the circuit breaker is open or half open
};

}  // namespace invoice_app

#endif  // INVOICE_APP_PAY_METRICS_H_
