// Metric families whose values are read during a scrape, instead of kept in a registry.

#ifndef COMMON_METRICS_FAMILY_H_
#define COMMON_METRICS_FAMILY_H_

#include <prometheus/metric_family.h>

#include <string>
#include <utility>
#include <vector>

namespace common {

using MetricFamilies = std::vector<prometheus::MetricFamily>;

struct MetricSample {
  double value;
  std::vector<std::pair<std::string, std::string>> labels = {};  // name and value
};

prometheus::MetricFamily gauge_family(std::string name, std::string help,
                                      const std::vector<MetricSample>& samples);
prometheus::MetricFamily counter_family(std::string name, std::string help, double value);

}  // namespace common

#endif  // COMMON_METRICS_FAMILY_H_
