// Metrics of this process, with the names that all client libraries of Prometheus use:
// https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
//
// Thread-safe.

#ifndef COMMON_METRICS_PROCESS_H_
#define COMMON_METRICS_PROCESS_H_

#include <string>

#include "common/metrics/family.h"

namespace common {

// Reads them from files in `proc`. A metric that cannot be read is left out.
MetricFamilies process_metrics(const std::string& proc = "/proc");

}  // namespace common

#endif  // COMMON_METRICS_PROCESS_H_
