#include "common/metrics/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <limits>
#include <map>
#include <string>

#include "common/base/file_descriptor.h"
#include "tests/support/temporary_directory.h"

namespace common {
namespace {

std::map<std::string, double> values(const MetricFamilies& families) {
  std::map<std::string, double> values;
  for (const auto& family : families) {
    const auto& metric = family.metric.at(0);
    values[family.name] =
        family.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value;
  }
  return values;
}

TEST(ProcessMetrics, DescribeThisProcess) {
  const auto before = values(process_metrics());
  ASSERT_EQ(before.size(), 7U);
  const FileDescriptor another(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const auto after = values(process_metrics());
  EXPECT_EQ(after.at("process_open_fds"), before.at("process_open_fds") + 1);
  EXPECT_GT(after.at("process_max_fds"), after.at("process_open_fds"));
  EXPECT_GE(after.at("process_cpu_seconds_total"), before.at("process_cpu_seconds_total"));
  EXPECT_GE(after.at("process_threads"), 1);
  EXPECT_GT(after.at("process_resident_memory_bytes"), 100'000);
  EXPECT_GT(after.at("process_virtual_memory_bytes"), after.at("process_resident_memory_bytes"));
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  EXPECT_GT(after.at("process_start_time_seconds"), now.count() - 3600);
  EXPECT_LE(after.at("process_start_time_seconds"), now.count() + 2);  // the boot time is rounded
}

class ProcDirectory : public testing::Test {
 protected:
  ProcDirectory() { std::filesystem::create_directories(directory_ / "self"); }
  void write(const std::string& file, const std::string& text) const {
    std::ofstream(directory_ / file) << text;
  }
  std::map<std::string, double> metrics() const { return values(process_metrics(directory_ / "")); }

  const tests::TemporaryDirectory directory_;
};

TEST_F(ProcDirectory, TheNameOfTheProgramMayContainAnything) {
  write("self/stat",
        "7 (a) b 1 (2) S 1 1 1 0 -1 4194304 0 0 0 0 250 50 0 0 20 0 12 0 6000 4096000 25 1");
  write("stat", "cpu 1 2 3\nbtime 1700000000\nprocesses 5\n");
  const auto found = metrics();
  EXPECT_EQ(found.at("process_threads"), 12);
  EXPECT_EQ(found.at("process_virtual_memory_bytes"), 4'096'000);
  EXPECT_EQ(found.at("process_cpu_seconds_total"), 3);  // 100 ticks are a second
  EXPECT_EQ(found.at("process_start_time_seconds"), 1700000060);
}

TEST_F(ProcDirectory, WhatCannotBeReadIsLeftOut) {
  using Names = std::map<std::string, double>;
  const auto has_only_the_limit = [](const Names& found) {
    return found.size() == 1 && found.contains("process_max_fds");
  };
  EXPECT_TRUE(has_only_the_limit(metrics()));
  for (const char* text : {"", "7 (name", "7 (name) S 1 1", "7 (name) S x x x x x x x x x x x x"}) {
    write("self/stat", text);
    EXPECT_TRUE(has_only_the_limit(metrics())) << text;
  }
  write("self/stat", "7 (a) S 1 1 1 0 -1 4194304 0 0 0 0 250 50 0 0 20 0 12 0 6000 4096000 25 1");
  for (const char* text : {"", "btime\n", "btime x\n", "processes 5\n"}) {
    write("stat", text);
    const auto found = metrics();
    EXPECT_EQ(found.size(), 5U) << text;
    EXPECT_FALSE(found.contains("process_start_time_seconds")) << text;
  }
}

}  // namespace
}  // namespace common
