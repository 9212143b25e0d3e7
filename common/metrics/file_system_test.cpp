#include "common/metrics/file_system.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_directory.h"

namespace common {
namespace {

double value(const prometheus::MetricFamily& family) { return family.metric.at(0).gauge.value; }

TEST(FileSystemMetrics, AreThoseOfTheFilesFileSystem) {
  const tests::TemporaryDirectory directory;
  const std::string file = directory / "database";
  std::ofstream(file) << "text";
  const auto metrics = file_system_metrics(file);
  ASSERT_EQ(metrics.size(), 2U);
  EXPECT_EQ(metrics[0].name, "database_filesystem_avail_bytes");
  EXPECT_EQ(metrics[1].name, "database_filesystem_size_bytes");
  EXPECT_GT(value(metrics[0]), 0);
  EXPECT_GE(value(metrics[1]), value(metrics[0]));
  EXPECT_EQ(value(metrics[1]), static_cast<double>(std::filesystem::space(file).capacity));
}

TEST(FileSystemMetrics, AreLeftOutIfTheFileIsMissing) {
  const tests::TemporaryDirectory directory;
  EXPECT_TRUE(file_system_metrics(directory / "database").empty());
}

}  // namespace
}  // namespace common
