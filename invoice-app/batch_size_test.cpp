#include "invoice-app/batch_size.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>

namespace invoice_app {
namespace {

using namespace std::chrono_literals;

constexpr BatchSize::SteadyTime kNow{1h};

class BatchSizeTest : public testing::Test {
 protected:
  std::size_t limit(BatchSize::SteadyTime now = kNow) const { return size_.limit(now); }
  void grow() {
    while (limit() < 100) size_.on_answer(limit(), 1ms, kNow);
  }

  BatchSize size_{{.max = 100, .first = 8, .quick = 1s, .per_payment = 100ms, .pause = 10s}};
};

TEST_F(BatchSizeTest, DoublesWithEveryQuickCall) {
  for (const std::size_t expected : {8U, 16U, 32U, 64U, 100U, 100U}) {
    EXPECT_EQ(limit(), expected);
    size_.on_answer(limit(), 999ms, kNow);
  }
}

TEST_F(BatchSizeTest, HalvesWithEveryFailure) {
  grow();
  for (const std::size_t expected : {50U, 25U, 12U, 6U, 3U, 1U, 1U}) {
    size_.on_failure(limit(), 1ms, kNow);
    EXPECT_EQ(limit(), expected);
  }
}

TEST_F(BatchSizeTest, HalvesWithASlowCall) {
  grow();
  size_.on_answer(100, 1s, kNow);
  EXPECT_EQ(limit(), 50U);
}

TEST_F(BatchSizeTest, IsOneForAWhileAfterACallThatWasSlowForEachPayment) {
  size_.on_answer(8, 1s, kNow);
  EXPECT_EQ(limit(kNow + 10s - 1ms), 1U);
  EXPECT_EQ(limit(kNow + 10s), 4U);
  size_.on_failure(4, 5s, kNow + 10s);
  EXPECT_EQ(limit(kNow + 20s - 1ms), 1U);
  EXPECT_EQ(limit(kNow + 20s), 2U);
}

TEST_F(BatchSizeTest, IsHalvedOnceByCallsOfTheSameSize) {
  size_.on_failure(8, 1ms, kNow);
  size_.on_failure(8, 1ms, kNow);
  EXPECT_EQ(limit(), 4U);
}

TEST_F(BatchSizeTest, LearnsNothingFromSmallerCalls) {
  size_.on_failure(1, 5s, kNow);
  EXPECT_EQ(limit(), 8U);
  size_.on_answer(7, 1ms, kNow);
  EXPECT_EQ(limit(), 8U);
}

TEST_F(BatchSizeTest, IsOneForAWhileAfterABatchThatWasNotTaken) {
  EXPECT_TRUE(size_.on_not_taken(kNow));
  EXPECT_EQ(limit(kNow), 1U);
  EXPECT_EQ(limit(kNow + 10s - 1ms), 1U);
  EXPECT_EQ(limit(kNow + 10s), 8U);
}

TEST_F(BatchSizeTest, TellsOnlyTheFirstBatchThatWasNotTaken) {
  EXPECT_TRUE(size_.on_not_taken(kNow));
  EXPECT_FALSE(size_.on_not_taken(kNow));
  EXPECT_FALSE(size_.on_answer(1, 1ms, kNow));
  EXPECT_FALSE(size_.on_not_taken(kNow + 10s));
  EXPECT_TRUE(size_.on_answer(2, 1ms, kNow));
  EXPECT_FALSE(size_.on_answer(2, 1ms, kNow));
  EXPECT_TRUE(size_.on_not_taken(kNow + 20s));
}

TEST_F(BatchSizeTest, IsAlwaysOneIfThatIsTheLargest) {
  BatchSize single({.max = 1});
  single.on_answer(1, 1ms, kNow);
  EXPECT_EQ(single.limit(kNow), 1U);
}

}  // namespace
}  // namespace invoice_app
