#include "invoice-app/circuit_breaker.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace invoice_app {
namespace {

using State = CircuitBreaker::State;

constexpr CircuitBreakerOptions kOptions{
    .failures_to_open = 3, .first_pause_ms = 100, .longest_pause_ms = 300};

void fail(CircuitBreaker& breaker, int times, std::int64_t now_ms) {
  for (int i = 0; i < times; ++i) breaker.on_failure(now_ms, {now_ms, 1, "timed out"});
}

TEST(CircuitBreaker, IsClosedAtFirst) {
  const CircuitBreaker breaker(kOptions);
  EXPECT_EQ(breaker.state(0), State::kClosed);
  EXPECT_EQ(breaker.pause_left_ms(0), 0);
  EXPECT_EQ(breaker.times_opened(), 0);
  EXPECT_EQ(breaker.last_failure(), "");
}

TEST(CircuitBreaker, OpensAfterFailuresInARow) {
  CircuitBreaker breaker(kOptions);
  fail(breaker, 2, 1000);
  EXPECT_EQ(breaker.state(1000), State::kClosed);
  EXPECT_EQ(breaker.times_opened(), 0);
  fail(breaker, 1, 1000);
  EXPECT_EQ(breaker.state(1000), State::kOpen);
  EXPECT_EQ(breaker.times_opened(), 1);
}

TEST(CircuitBreaker, StaysClosedWhenSuccessesComeBetween) {
  CircuitBreaker breaker(kOptions);
  for (int i = 0; i < 10; ++i) {
    fail(breaker, 2, 1000 + i);
    breaker.on_success(1000 + i);
  }
  EXPECT_EQ(breaker.state(1010), State::kClosed);
  EXPECT_EQ(breaker.times_opened(), 0);
}

TEST(CircuitBreaker, StaysClosedWhileOtherCallsMaySucceed) {
  CircuitBreaker breaker(kOptions);
  const FailedCall call{.began_ms = 1000, .under_way = 10, .reason = "connection reset"};
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(breaker.on_failure(1000, call));
  EXPECT_EQ(breaker.state(1000), State::kClosed);
  EXPECT_TRUE(breaker.on_failure(1000, call));
  EXPECT_EQ(breaker.state(1000), State::kOpen);
}

TEST(CircuitBreaker, IsNotMovedByCallsThatBeganBeforeTheLastSuccess) {
  CircuitBreaker breaker(kOptions);
  breaker.on_success(1000);
  const FailedCall hung{.began_ms = 1000, .under_way = 1, .reason = "timed out"};
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(breaker.on_failure(6000, hung));
  fail(breaker, 2, 1001);
  EXPECT_EQ(breaker.state(6000), State::kClosed);
  fail(breaker, 1, 1001);
  EXPECT_EQ(breaker.times_opened(), 1);
}

TEST(CircuitBreaker, LetsOneTryWhenThePauseIsOver) {
  CircuitBreaker breaker(kOptions);
  fail(breaker, 3, 1000);
  EXPECT_EQ(breaker.pause_left_ms(1000), 100);
  EXPECT_EQ(breaker.state(1099), State::kOpen);
  EXPECT_EQ(breaker.pause_left_ms(1099), 1);
  EXPECT_EQ(breaker.state(1100), State::kHalfOpen);
  EXPECT_EQ(breaker.pause_left_ms(1100), 0);
  EXPECT_EQ(breaker.pause_left_ms(5000), 0);
}

TEST(CircuitBreaker, ClosesWhenATrialSucceeds) {
  CircuitBreaker breaker(kOptions);
  fail(breaker, 3, 1000);
  breaker.on_success(1000);
  EXPECT_EQ(breaker.state(1000), State::kClosed);
  EXPECT_EQ(breaker.pause_left_ms(1000), 0);
}

TEST(CircuitBreaker, CountsFailuresAnewOnceItHasClosed) {
  CircuitBreaker breaker(kOptions);
  fail(breaker, 3, 1000);
  breaker.on_success(1000);
  fail(breaker, 2, 2000);
  EXPECT_EQ(breaker.state(2000), State::kClosed);
  fail(breaker, 1, 2000);
  EXPECT_EQ(breaker.pause_left_ms(2000), kOptions.first_pause_ms);
}

TEST(CircuitBreaker, DoublesThePauseWithEveryFailedTrialUpToTheLongest) {
  CircuitBreaker breaker(kOptions);
  fail(breaker, 3, 0);
  std::int64_t now_ms = 0;
  std::vector<std::int64_t> pauses;
  for (int trial = 0; trial < 4; ++trial) {
    pauses.push_back(breaker.pause_left_ms(now_ms));
    now_ms += pauses.back();
    fail(breaker, 1, now_ms);
  }
  EXPECT_EQ(pauses, (std::vector<std::int64_t>{100, 200, 300, 300}));
  EXPECT_EQ(breaker.times_opened(), 5);
}

TEST(CircuitBreaker, IsNotMovedByCallsThatWereUnderWayWhenItOpened) {
  CircuitBreaker breaker(kOptions);
  fail(breaker, 3, 1000);
  fail(breaker, 16, 1050);
  EXPECT_EQ(breaker.pause_left_ms(1050), 50);
  EXPECT_EQ(breaker.times_opened(), 1);
}

TEST(CircuitBreaker, TriesAtOnceWhenSomebodyAsks) {
  CircuitBreaker breaker(kOptions);
  fail(breaker, 3, 1000);
  breaker.try_again();
  EXPECT_EQ(breaker.state(1000), State::kHalfOpen);
  EXPECT_EQ(breaker.pause_left_ms(1000), 0);
  fail(breaker, 1, 1001);
  EXPECT_EQ(breaker.state(1001), State::kOpen);
  EXPECT_EQ(breaker.times_opened(), 2);
}

TEST(CircuitBreaker, TryingAgainLeavesAClosedOneClosed) {
  CircuitBreaker breaker(kOptions);
  breaker.try_again();
  EXPECT_EQ(breaker.state(0), State::kClosed);
}

TEST(CircuitBreaker, TellsOnceWhenItOpensAndOnceWhenItCloses) {
  CircuitBreaker breaker({.failures_to_open = 2, .first_pause_ms = 10, .longest_pause_ms = 100});
  EXPECT_FALSE(breaker.on_success(0));
  EXPECT_FALSE(breaker.on_failure(1, {1, 1, "timed out"}));
  EXPECT_TRUE(breaker.on_failure(1, {1, 1, "timed out"}));
  EXPECT_FALSE(breaker.on_failure(50, {50, 1, "timed out"}));  // a failed trial
  EXPECT_TRUE(breaker.on_success(60));
  EXPECT_FALSE(breaker.on_success(60));
}

TEST(CircuitBreaker, RemembersTheLastFailure) {
  CircuitBreaker breaker(kOptions);
  breaker.on_failure(0, {0, 1, "connection refused"});
  breaker.on_failure(0, {0, 1, "HTTP 500"});
  EXPECT_EQ(breaker.last_failure(), "HTTP 500");
  breaker.on_success(1000);
  EXPECT_EQ(breaker.last_failure(), "HTTP 500");
}

TEST(CircuitBreaker, OpensOnceForFailuresOfManyThreads) {
  CircuitBreaker breaker(kOptions);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&breaker] { fail(breaker, 100, 1000); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(breaker.state(1000), State::kOpen);
  EXPECT_EQ(breaker.times_opened(), 1);
}

}  // namespace
}  // namespace invoice_app
