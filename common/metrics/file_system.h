// Metrics of the file system that has the database. Thread-safe.

#ifndef COMMON_METRICS_FILE_SYSTEM_H_
#define COMMON_METRICS_FILE_SYSTEM_H_

#include <string>

#include "common/metrics/family.h"

namespace common {

// Size and free space of the file system of the file `path`. Empty if they cannot be read.
MetricFamilies file_system_metrics(const std::string& path);

}  // namespace common

#endif  // COMMON_METRICS_FILE_SYSTEM_H_
