#include "common/metrics/queried.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <stdexcept>

#include "tests/support/eventually.h"

namespace common {
namespace {

using namespace std::chrono_literals;
using tests::eventually;

// Counts the queries: the result of the first one is 1.
class QueriedMetricsTest : public testing::Test {
 protected:
  MetricFamilies query() {
    const int number = ++queries_;
    if (is_slow_) gate_.wait();
    if (fails_) throw std::runtime_error("the database is gone");
    return {gauge_family("queries", "", {{static_cast<double>(number)}})};
  }
  // 0: none.
  static double collect(const QueriedMetrics& metrics) {
    const MetricFamilies families = metrics.Collect();
    return families.empty() ? 0 : families.at(0).metric.at(0).gauge.value;
  }

  const QueriedMetrics::Query query_ = [this] { return query(); };
  std::atomic<int> queries_ = 0;
  std::atomic<bool> is_slow_ = false;
  std::atomic<bool> fails_ = false;
  std::latch gate_{1};  // ends slow queries
};

TEST_F(QueriedMetricsTest, ScrapesWithinTheIntervalShareAQuery) {
  const QueriedMetrics metrics(query_, {.interval = 1h, .longest_wait = 20s});
  EXPECT_EQ(queries_, 0);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(collect(metrics), 1);
  EXPECT_EQ(queries_, 1);
}

TEST_F(QueriedMetricsTest, EachScrapeAfterTheIntervalGetsANewResult) {
  const QueriedMetrics metrics(query_, {.interval = 0ms, .longest_wait = 20s});
  for (int i = 1; i < 10; ++i) EXPECT_EQ(collect(metrics), i);
}

TEST_F(QueriedMetricsTest, NothingIsReportedWhileTheQueryFails) {
  const QueriedMetrics metrics(query_, {.interval = 0ms, .longest_wait = 20s});
  EXPECT_EQ(collect(metrics), 1);
  fails_ = true;
  EXPECT_EQ(collect(metrics), 0);
  EXPECT_EQ(collect(metrics), 0);
  fails_ = false;
  EXPECT_EQ(collect(metrics), 4);
}

TEST_F(QueriedMetricsTest, ASlowQueryDoesNotHoldUpAScrape) {
  is_slow_ = true;
  const QueriedMetrics metrics(query_, {.interval = 0ms, .longest_wait = 1ms});
  EXPECT_EQ(collect(metrics), 0);
  EXPECT_TRUE(eventually([&] { return queries_ == 1; }));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(collect(metrics), 0);
  EXPECT_EQ(queries_, 1);
  gate_.count_down();
  EXPECT_TRUE(eventually([&] { return collect(metrics) > 0; }));
}

TEST_F(QueriedMetricsTest, TheLastResultIsUsedUntilASlowQueryHasEnded) {
  const QueriedMetrics metrics(query_, {.interval = 50ms, .longest_wait = 50ms});
  EXPECT_TRUE(eventually([&] { return collect(metrics) > 0; }));
  is_slow_ = true;
  const int queries = queries_;
  EXPECT_TRUE(eventually([&] {
    EXPECT_GT(collect(metrics), 0);
    return queries_ > queries;
  }));
  EXPECT_GT(collect(metrics), 0);
  gate_.count_down();
}

TEST_F(QueriedMetricsTest, AnOldResultIsNotUsed) {
  const QueriedMetrics metrics(query_, {.interval = 1h, .longest_wait = 20s, .longest_use = 0ms});
  EXPECT_EQ(collect(metrics), 0);
  EXPECT_EQ(queries_, 1);
}

}  // namespace
}  // namespace common
