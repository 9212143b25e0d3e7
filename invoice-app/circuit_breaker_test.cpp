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
  for (int i = 0; i < times; ++i) breaker.on_failure(now_ms, "timed out", 1);
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
    fail(breaker, 2, 1000);
    breaker.on_success();
  }
  EXPECT_EQ(breaker.state(1000), State::kClosed);
  EXPECT_EQ(breaker.times_opened(), 0);
}

TEST(CircuitBreaker, StaysClosedWhileOtherCallsMaySucceed) {
  CircuitBreaker breaker(kOptions);
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(breaker.on_failure(1000, "connection reset", 10));
  EXPECT_EQ(breaker.state(1000), State::kClosed);
  EXPECT_TRUE(breaker.on_failure(1000, "connection reset", 10));
  EXPECT_EQ(breaker.state(1000), State::kOpen);
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
  breaker.on_success();
  EXPECT_EQ(breaker.state(1000), State::kClosed);
  EXPECT_EQ(breaker.pause_left_ms(1000), 0);
}

TEST(CircuitBreaker, CountsFailuresAnewOnceItHasClosed) {
  CircuitBreaker breaker(kOptions);
  fail(breaker, 3, 1000);
  breaker.on_success();
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
  EXPECT_FALSE(breaker.on_success());
  EXPECT_FALSE(breaker.on_failure(0, "timed out", 1));
  EXPECT_TRUE(breaker.on_failure(0, "timed out", 1));
  EXPECT_FALSE(breaker.on_failure(50, "timed out", 1));  // a failed trial
  EXPECT_TRUE(breaker.on_success());
  EXPECT_FALSE(breaker.on_success());
}

TEST(CircuitBreaker, RemembersTheLastFailure) {
  CircuitBreaker breaker(kOptions);
  breaker.on_failure(0, "connection refused", 1);
  breaker.on_failure(0, "HTTP 500", 1);
  EXPECT_EQ(breaker.last_failure(), "HTTP 500");
  breaker.on_success();
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
