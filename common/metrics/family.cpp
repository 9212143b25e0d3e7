#include "common/metrics/family.h"

namespace common {

prometheus::MetricFamily gauge_family(std::string name, std::string help,
                                      const std::vector<MetricSample>& samples) {
  prometheus::MetricFamily family{.name = std::move(name),
                                  .help = std::move(help),
                                  .type = prometheus::MetricType::Gauge,
                                  .metric = {}};
  for (const MetricSample& sample : samples) {
    prometheus::ClientMetric& metric = family.metric.emplace_back();
    metric.gauge.value = sample.value;
    for (const auto& [label, value] : sample.labels) metric.label.push_back({label, value});
  }
  return family;
}

prometheus::MetricFamily counter_family(std::string name, std::string help, double value) {
  prometheus::ClientMetric metric;
  metric.counter.value = value;
  return {.name = std::move(name),
          .help = std::move(help),
          .type = prometheus::MetricType::Counter,
          .metric = {metric}};
}

}  // namespace common
