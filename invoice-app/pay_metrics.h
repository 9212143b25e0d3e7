// What paying counts, in Prometheus' terms. Thread-safe.

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

  // Answers of the provider to single attempts.
  prometheus::Counter& paid;
  prometheus::Counter& refused;
  prometheus::Counter& unknown;

  prometheus::Histogram& call_seconds;
  prometheus::Gauge& provider_left_alone;  // 1 while the circuit breaker is not closed
};

}  // namespace invoice_app

#endif  // INVOICE_APP_PAY_METRICS_H_
