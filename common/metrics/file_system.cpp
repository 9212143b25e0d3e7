#include "common/metrics/file_system.h"

#include <filesystem>
#include <system_error>

namespace common {

MetricFamilies file_system_metrics(const std::string& path) {
  std::error_code error;
  const auto space = std::filesystem::space(path, error);
  if (error) return {};
  return {gauge_family("database_filesystem_avail_bytes",
                       "Space that the service can still use on the file system of the database.",
                       {{static_cast<double>(space.available)}}),
          gauge_family("database_filesystem_size_bytes", "Size of this file system.",
                       {{static_cast<double>(space.capacity)}})};
}

}  // namespace common
