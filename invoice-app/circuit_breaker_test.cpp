#include "invoice-app/circuit_breaker.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace invoice_app {
namespace {

using namespace std::chrono_literals;
using BreakerState = CircuitBreaker::State;
using SteadyTime = CircuitBreaker::SteadyTime;

constexpr CircuitBreakerOptions kBreakerOptions{
    .failures_to_open = 3, .first_pause = 100ms, .longest_pause = 300ms};
constexpr SteadyTime kBreakerStart(1h);

bool fail_once(CircuitBreaker& breaker, SteadyTime now, const std::string& reason = "timed out") {
  breaker.on_call();
  return breaker.on_failure(now, reason);
}

void fail(CircuitBreaker& breaker, int times, SteadyTime now) {
  for (int i = 0; i < times; ++i) fail_once(breaker, now);
}

bool succeed(CircuitBreaker& breaker) {
  breaker.on_call();
  return breaker.on_success();
}

TEST(CircuitBreaker, IsClosedAtFirst) {
  const CircuitBreaker breaker(kBreakerOptions);
  EXPECT_EQ(breaker.state(kBreakerStart), BreakerState::kClosed);
  EXPECT_EQ(breaker.pause_left(kBreakerStart), 0ms);
  EXPECT_EQ(breaker.times_opened(), 0);
  EXPECT_EQ(breaker.last_failure(), "");
}

TEST(CircuitBreaker, OpensAfterFailuresInARow) {
  CircuitBreaker breaker(kBreakerOptions);
  fail(breaker, 2, kBreakerStart);
  EXPECT_EQ(breaker.state(kBreakerStart), BreakerState::kClosed);
  EXPECT_EQ(breaker.times_opened(), 0);
  fail(breaker, 1, kBreakerStart);
  EXPECT_EQ(breaker.state(kBreakerStart), BreakerState::kOpen);
  EXPECT_EQ(breaker.times_opened(), 1);
}

// Few calls are in flight, so five that time out one after the other would take long.
TEST(CircuitBreaker, OpensAfterFewerFailuresThatTookLong) {
  CircuitBreaker breaker(kBreakerOptions);
  for (int i = 0; i < 4; ++i) breaker.on_call();
  EXPECT_FALSE(breaker.on_failure(kBreakerStart, "refused", 0s));
  EXPECT_FALSE(breaker.on_failure(kBreakerStart, "timed out", 5s)) << "two others may succeed";
  EXPECT_TRUE(breaker.on_failure(kBreakerStart, "timed out", 5s));
  EXPECT_EQ(breaker.state(kBreakerStart), BreakerState::kOpen);
}

TEST(CircuitBreaker, StaysClosedWhenSuccessesComeBetween) {
  CircuitBreaker breaker(kBreakerOptions);
  for (int i = 0; i < 10; ++i) {
    fail(breaker, 2, kBreakerStart);
    succeed(breaker);
  }
  EXPECT_EQ(breaker.state(kBreakerStart), BreakerState::kClosed);
  EXPECT_EQ(breaker.times_opened(), 0);
}

TEST(CircuitBreaker, StaysClosedWhileOtherCallsMaySucceed) {
  CircuitBreaker breaker(kBreakerOptions);
  for (int i = 0; i < 9; ++i) breaker.on_call();
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(fail_once(breaker, kBreakerStart));
  EXPECT_EQ(breaker.state(kBreakerStart), BreakerState::kClosed);
  EXPECT_TRUE(fail_once(breaker, kBreakerStart));
  EXPECT_EQ(breaker.state(kBreakerStart), BreakerState::kOpen);
}

TEST(CircuitBreaker, AllowsATrialWhenThePauseIsOver) {
  CircuitBreaker breaker(kBreakerOptions);
  fail(breaker, 3, kBreakerStart);
  EXPECT_EQ(breaker.pause_left(kBreakerStart), 100ms);
  EXPECT_EQ(breaker.state(kBreakerStart + 99ms), BreakerState::kOpen);
  EXPECT_EQ(breaker.pause_left(kBreakerStart + 99ms), 1ms);
  EXPECT_EQ(breaker.state(kBreakerStart + 100ms), BreakerState::kHalfOpen);
  EXPECT_EQ(breaker.pause_left(kBreakerStart + 100ms), 0ms);
  EXPECT_EQ(breaker.pause_left(kBreakerStart + 4000ms), 0ms);
}

TEST(CircuitBreaker, ClosesWhenATrialSucceeds) {
  CircuitBreaker breaker(kBreakerOptions);
  fail(breaker, 3, kBreakerStart);
  succeed(breaker);
  EXPECT_EQ(breaker.state(kBreakerStart), BreakerState::kClosed);
  EXPECT_EQ(breaker.pause_left(kBreakerStart), 0ms);
}

TEST(CircuitBreaker, CountsFailuresAnewOnceItHasClosed) {
  CircuitBreaker breaker(kBreakerOptions);
  fail(breaker, 3, kBreakerStart);
  succeed(breaker);
  fail(breaker, 2, kBreakerStart + 1000ms);
  EXPECT_EQ(breaker.state(kBreakerStart + 1000ms), BreakerState::kClosed);
  fail(breaker, 1, kBreakerStart + 1000ms);
  EXPECT_EQ(breaker.pause_left(kBreakerStart + 1000ms), kBreakerOptions.first_pause);
}

TEST(CircuitBreaker, DoublesThePauseWithEveryFailedTrialUpToTheLongest) {
  CircuitBreaker breaker(kBreakerOptions);
  fail(breaker, 3, kBreakerStart);
  SteadyTime now = kBreakerStart;
  std::vector<SteadyTime::duration> pauses;
  for (int trial = 0; trial < 4; ++trial) {
    pauses.push_back(breaker.pause_left(now));
    now += pauses.back();
    fail(breaker, 1, now);
  }
  EXPECT_EQ(pauses, (std::vector<SteadyTime::duration>{100ms, 200ms, 300ms, 300ms}));
  EXPECT_EQ(breaker.times_opened(), 5);
}

TEST(CircuitBreaker, IsNotChangedByCallsThatWereInFlightWhenItOpened) {
  CircuitBreaker breaker(kBreakerOptions);
  fail(breaker, 3, kBreakerStart);
  fail(breaker, 16, kBreakerStart + 50ms);
  EXPECT_EQ(breaker.pause_left(kBreakerStart + 50ms), 50ms);
  EXPECT_EQ(breaker.times_opened(), 1);
}

TEST(CircuitBreaker, AllowsATrialAtOnceAfterTryAgain) {
  CircuitBreaker breaker(kBreakerOptions);
  fail(breaker, 3, kBreakerStart);
  breaker.try_again();
  EXPECT_EQ(breaker.state(kBreakerStart), BreakerState::kHalfOpen);
  EXPECT_EQ(breaker.pause_left(kBreakerStart), 0ms);
  fail(breaker, 1, kBreakerStart + 1ms);
  EXPECT_EQ(breaker.state(kBreakerStart + 1ms), BreakerState::kOpen);
  EXPECT_EQ(breaker.times_opened(), 2);
}

TEST(CircuitBreaker, StaysClosedAfterTryAgain) {
  CircuitBreaker breaker(kBreakerOptions);
  breaker.try_again();
  EXPECT_EQ(breaker.state(kBreakerStart), BreakerState::kClosed);
}

TEST(CircuitBreaker, TellsOnceWhenItOpensAndOnceWhenItCloses) {
  CircuitBreaker breaker({.failures_to_open = 2, .first_pause = 10ms, .longest_pause = 100ms});
  EXPECT_FALSE(succeed(breaker));
  EXPECT_FALSE(fail_once(breaker, kBreakerStart));
  EXPECT_TRUE(fail_once(breaker, kBreakerStart));
  EXPECT_FALSE(fail_once(breaker, kBreakerStart + 50ms));  // a failed trial
  EXPECT_TRUE(succeed(breaker));
  EXPECT_FALSE(succeed(breaker));
}

TEST(CircuitBreaker, RemembersTheLastFailure) {
  CircuitBreaker breaker(kBreakerOptions);
  fail_once(breaker, kBreakerStart, "connection refused");
  fail_once(breaker, kBreakerStart, "HTTP 500");
  EXPECT_EQ(breaker.last_failure(), "HTTP 500");
  succeed(breaker);
  EXPECT_EQ(breaker.last_failure(), "HTTP 500");
}

TEST(CircuitBreaker, OpensOnceForFailuresOfManyThreads) {
  CircuitBreaker breaker(kBreakerOptions);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&breaker] { fail(breaker, 100, kBreakerStart); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(breaker.state(kBreakerStart), BreakerState::kOpen);
  EXPECT_EQ(breaker.times_opened(), 1);
}

}  // namespace
}  // namespace invoice_app
