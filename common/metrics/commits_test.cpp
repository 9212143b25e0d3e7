#include "common/metrics/commits.h"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>

#include "tests/support/metrics.h"

namespace common {
namespace {

using tests::has_line;

TEST(CommitMetrics, CountsRowsAndTimeOfCommits) {
  prometheus::Registry registry;
  CommitMetrics metrics(registry, "add");
  EXPECT_TRUE(has_line(registry, R"(database_commit_rows_count{transaction="add"} 0)"));
  metrics.observe(3, std::chrono::milliseconds(250));
  EXPECT_EQ(metrics.measure(1'000, [] { return 5; }), 5);
  EXPECT_TRUE(has_line(registry, R"(database_commit_rows_sum{transaction="add"} 1003)"));
  EXPECT_TRUE(has_line(registry, R"(database_commit_rows_bucket{transaction="add",le="5"} 1)"));
  EXPECT_TRUE(has_line(registry, R"(database_commit_duration_seconds_count{transaction="add"} 2)"));
}

TEST(CommitMetrics, DoNotCountFailedCommits) {
  prometheus::Registry registry;
  CommitMetrics metrics(registry, "add");
  const auto fail = []() -> int { throw std::runtime_error("the disk is full"); };
  EXPECT_THROW(metrics.measure(1, fail), std::runtime_error);
  EXPECT_TRUE(has_line(registry, R"(database_commit_rows_count{transaction="add"} 0)"));
}

}  // namespace
}  // namespace common
