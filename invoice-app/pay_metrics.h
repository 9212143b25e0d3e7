// The Prometheus metrics of paying. Thread-safe.

#ifndef INVOICE_APP_PAY_METRICS_H_
#define INVOICE_APP_PAY_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "common/metrics/commits.h"

namespace invoice_app {

struct PayMetrics {
  // `registry` must outlive this.
  explicit PayMetrics(prometheus::Registry& registry);

  // Attempts, by the outcome of each.
  prometheus::Counter& paid;
  prometheus::Counter& refused;
  prometheus::Counter& unknown;

  // Payments that were put back for another attempt: their outcome is unknown, or they were not
  // sent.
  prometheus::Counter& retries;

  prometheus::Histogram& call_seconds;
  prometheus::Gauge& calls_in_flight;
  prometheus::Gauge& breaker_open;  // 1 while the circuit breaker is open or half open

  // Of the commits that request, claim and settle payments. Rows are claims and settlements.
  common::CommitMetrics commits;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_PAY_METRICS_H_
