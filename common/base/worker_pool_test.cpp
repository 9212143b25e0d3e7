#include "common/base/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include "tests/support/eventually.h"

namespace common {
namespace {

using Lane = WorkerPool::Lane;
using tests::eventually;

class WorkerPoolTest : public testing::Test {
 protected:
  // A task that runs until release().
  void add_blocking(Lane lane) {
    pool_.add(lane, [this] {
      ++running_;
      gate_.wait();
      --running_;
    });
  }
  void release() { gate_.count_down(); }

  std::latch gate_{1};
  std::atomic<int> running_ = 0;
  WorkerPool pool_;  // last: its tasks use the others
};

TEST_F(WorkerPoolTest, RunsTasksInTheOrderInWhichTheyWereAdded) {
  std::vector<int> order;
  for (int i = 0; i < 100; ++i) {
    pool_.add(i % 3 == 0 ? Lane::kOneAtATime : Lane::kShared, [&order, i] { order.push_back(i); });
  }
  pool_.start(1, "test");
  pool_.stop();
  ASSERT_EQ(order.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST_F(WorkerPoolTest, BlockedTasksLeaveTheOtherThreadsToOthers) {
  constexpr int kThreads = 4;
  pool_.start(kThreads, "test");
  for (int i = 0; i < kThreads; ++i) add_blocking(Lane::kShared);
  EXPECT_TRUE(eventually([&] { return running_ == kThreads; }));
  std::atomic<bool> has_run = false;
  pool_.add(Lane::kShared, [&] { has_run = true; });
  EXPECT_FALSE(has_run);
  release();
  EXPECT_TRUE(eventually([&] { return has_run.load(); }));
}

TEST_F(WorkerPoolTest, ReportsItsLoad) {
  pool_.start(2, "test");
  EXPECT_EQ(pool_.load().busy, 0U);
  for (int i = 0; i < 5; ++i) add_blocking(Lane::kShared);
  add_blocking(Lane::kOneAtATime);
  EXPECT_TRUE(eventually([&] { return running_ == 2; }));
  EXPECT_EQ(pool_.load().busy, 2U);
  EXPECT_EQ(pool_.load().queued, 4U);
  release();
  EXPECT_TRUE(eventually([&] { return pool_.load().busy == 0; }));
  EXPECT_EQ(pool_.load().queued, 0U);
}

TEST_F(WorkerPoolTest, AThreadJoinsForATaskThatIsAddedWhileAnotherOneBlocks) {
  pool_.start(2, "test");
  add_blocking(Lane::kShared);
  ASSERT_TRUE(eventually([&] { return running_ == 1; }));
  for (int i = 0; i < 20; ++i) {
    std::atomic<bool> has_run = false;
    pool_.add(Lane::kShared, [&] { has_run = true; });
    ASSERT_TRUE(eventually([&] { return has_run.load(); }));
  }
  release();
}

TEST_F(WorkerPoolTest, TasksOfOneLaneOccupyOneThread) {
  pool_.start(4, "test");
  for (int i = 0; i < 3; ++i) add_blocking(Lane::kOneAtATime);
  ASSERT_TRUE(eventually([&] { return running_ == 1; }));
  for (int i = 0; i < 20; ++i) {
    std::atomic<bool> has_run = false;
    pool_.add(Lane::kShared, [&] { has_run = true; });
    ASSERT_TRUE(eventually([&] { return has_run.load(); }));
  }
  EXPECT_EQ(running_, 1);
  release();
  pool_.stop();
  EXPECT_EQ(running_, 0);
}

TEST_F(WorkerPoolTest, RunsAllTasksOfManyThreadsBeforeItStops) {
  constexpr int kAdders = 4;
  constexpr int kEach = 5000;
  std::atomic<int> run = 0;
  pool_.start(3, "test");
  std::vector<std::thread> adders;
  for (int adder = 0; adder < kAdders; ++adder) {
    adders.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        pool_.add(i % 2 == 0 ? Lane::kShared : Lane::kOneAtATime, [&] { ++run; });
      }
    });
  }
  for (std::thread& adder : adders) adder.join();
  pool_.stop();
  EXPECT_EQ(run, kAdders * kEach);
}

TEST_F(WorkerPoolTest, StopsWithoutATask) {
  pool_.start(3, "test");
  pool_.stop();
  pool_.stop();
}

}  // namespace
}  // namespace common
