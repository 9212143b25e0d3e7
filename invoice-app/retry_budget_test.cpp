#include "invoice-app/retry_budget.h"

#include <gtest/gtest.h>

namespace invoice_app {
namespace {

// One token a second from time, two from eight calls. (A quarter is exact in binary.)
constexpr RetryBudgetOptions kOptions = {.share = 0.25, .per_second = 1, .max_saved_tokens = 3};

// Takes all that is there at the start.
void use_up(RetryBudget& budget, std::int64_t now_ms) {
  for (int i = 0; i < 3; ++i) ASSERT_EQ(budget.take_retry(now_ms), 0);
}

TEST(RetryBudget, LetsAFewRetriesGoAtOnceAndMakesTheOthersWaitInTurn) {
  RetryBudget budget(kOptions);
  use_up(budget, 5000);
  EXPECT_EQ(budget.take_retry(5000), 1000);
  EXPECT_EQ(budget.take_retry(5000), 2000);
}

TEST(RetryBudget, GrowsWithTheCallsThatAreMade) {
  RetryBudget budget(kOptions);
  use_up(budget, 5000);
  for (int i = 0; i < 8; ++i) budget.on_call();
  EXPECT_EQ(budget.take_retry(5000), 0);
  EXPECT_EQ(budget.take_retry(5000), 0);
  EXPECT_EQ(budget.take_retry(5000), 1000);
}

TEST(RetryBudget, GrowsWithTime) {
  RetryBudget budget(kOptions);
  use_up(budget, 5000);
  EXPECT_EQ(budget.take_retry(6000), 0);
  EXPECT_EQ(budget.take_retry(6500), 500);
}

TEST(RetryBudget, SavesNoMoreThanTheMostHoweverLongItWasQuiet) {
  RetryBudget budget(kOptions);
  use_up(budget, 5000);
  for (int i = 0; i < 1000; ++i) budget.on_call();
  use_up(budget, 1'000'000);
  EXPECT_EQ(budget.take_retry(1'000'000), 1000);
}

TEST(RetryBudget, LetsNoRetryWaitOverTheLongestWait) {
  RetryBudget budget({.share = 0, .per_second = 1, .max_saved_tokens = 3, .longest_wait_ms = 2500});
  use_up(budget, 5000);
  EXPECT_EQ(budget.take_retry(5000), 1000);
  EXPECT_EQ(budget.take_retry(5000), 2000);
  EXPECT_EQ(budget.take_retry(5000), 2500);
  EXPECT_EQ(budget.take_retry(5000), 2500);
}

TEST(RetryBudget, KeepsRetriesAtTheirShareOfManyCalls) {
  RetryBudget budget;
  constexpr int kCalls = 100'000;
  int at_once = 0;
  for (int i = 0; i < kCalls; ++i) {  // every other call fails, in no time at all
    budget.on_call();
    if (i % 2 == 0 && budget.take_retry(1) == 0) ++at_once;
  }
  EXPECT_LE(at_once, kCalls / 5 + 51);
}

}  // namespace
}  // namespace invoice_app
