#include "invoice-app/retry_policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>

namespace invoice_app {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr RetryPolicy::SteadyTime kStart(1h);

// ---- Backoff ----

TEST(RetryPolicy, BacksOffForARandomTimeUpToALimitThatDoubles) {
  RetryPolicy policy({.first_backoff = 10ms, .longest_backoff = 30ms, .max_saved_retries = 1e9});
  const milliseconds limits[] = {10ms, 20ms, 30ms, 30ms};
  for (std::int64_t attempt = 1; attempt <= 4; ++attempt) {
    std::set<milliseconds> delays;
    for (int i = 0; i < 1000; ++i) delays.insert(policy.next_delay(attempt, kStart));
    EXPECT_EQ(*delays.begin(), 0ms) << attempt;
    EXPECT_EQ(*delays.rbegin(), limits[attempt - 1]) << attempt;
  }
}

TEST(RetryPolicy, HasNoLimitOfAttempts) {
  RetryPolicy policy({.max_saved_retries = 1e9});
  for (const std::int64_t attempt : {10, 11, 63, 64, 1'000'000}) {
    EXPECT_LE(policy.next_delay(attempt, kStart), 2'000ms) << attempt;
  }
}

// ---- Budget, without backoff ----

// One retry a second, and two for eight calls. (A quarter is exact in binary.)
constexpr RetryPolicyOptions kBudgetOptions = {.first_backoff = 0ms,
                                               .retries_per_call = 0.25,
                                               .retries_per_second = 1,
                                               .max_saved_retries = 3};

milliseconds delay(RetryPolicy& policy, RetryPolicy::SteadyTime now) {
  return policy.next_delay(1, now);
}

// Takes all that the budget has at the start.
void use_up(RetryPolicy& policy, RetryPolicy::SteadyTime now) {
  for (int i = 0; i < 3; ++i) ASSERT_EQ(delay(policy, now), 0ms);
}

TEST(RetryPolicy, AllowsAFewRetriesAtOnceAndMakesTheOthersWaitInTurn) {
  RetryPolicy policy(kBudgetOptions);
  use_up(policy, kStart);
  EXPECT_EQ(delay(policy, kStart), 1s);
  EXPECT_EQ(delay(policy, kStart), 2s);
}

TEST(RetryPolicy, AddsToTheBudgetWithEveryCall) {
  RetryPolicy policy(kBudgetOptions);
  use_up(policy, kStart);
  for (int i = 0; i < 8; ++i) policy.on_call();
  EXPECT_EQ(delay(policy, kStart), 0ms);
  EXPECT_EQ(delay(policy, kStart), 0ms);
  EXPECT_EQ(delay(policy, kStart), 1s);
}

TEST(RetryPolicy, AddsToTheBudgetWithTime) {
  RetryPolicy policy(kBudgetOptions);
  use_up(policy, kStart);
  EXPECT_EQ(delay(policy, kStart + 1s), 0ms);
  EXPECT_EQ(delay(policy, kStart + 1500ms), 500ms);
}

TEST(RetryPolicy, SavesALimitedNumberOfRetries) {
  RetryPolicy policy(kBudgetOptions);
  use_up(policy, kStart);
  for (int i = 0; i < 1000; ++i) policy.on_call();
  use_up(policy, kStart + 1h);
  EXPECT_EQ(delay(policy, kStart + 1h), 1s);
}

TEST(RetryPolicy, LimitsTheWaitForTheBudget) {
  RetryPolicyOptions options = kBudgetOptions;
  options.longest_budget_wait = 2500ms;
  RetryPolicy policy(options);
  use_up(policy, kStart);
  EXPECT_EQ(delay(policy, kStart), 1s);
  EXPECT_EQ(delay(policy, kStart), 2s);
  EXPECT_EQ(delay(policy, kStart), 2500ms);
  EXPECT_EQ(delay(policy, kStart), 2500ms);
}

TEST(RetryPolicy, NeverExceedsTheLongestDelay) {
  const RetryPolicyOptions options;
  RetryPolicy policy(options);
  milliseconds longest = 0ms;
  for (int i = 0; i < 10'000; ++i) longest = std::max(longest, policy.next_delay(20, kStart));
  EXPECT_LE(longest, options.longest_delay());
  EXPECT_GT(longest, options.longest_budget_wait);
}

TEST(RetryPolicy, KeepsRetriesAtTheirShareOfManyCalls) {
  RetryPolicy policy({.first_backoff = 0ms});
  constexpr int kCalls = 100'000;
  int at_once = 0;
  for (int i = 0; i < kCalls; ++i) {  // every other call fails; all happen at the same time
    policy.on_call();
    if (i % 2 == 0 && delay(policy, kStart) == 0ms) ++at_once;
  }
  EXPECT_LE(at_once, kCalls / 5 + 51);
}

}  // namespace
}  // namespace invoice_app
