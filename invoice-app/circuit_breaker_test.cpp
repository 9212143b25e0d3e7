#include "invoice-app/circuit_breaker.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace invoice_app {
namespace {

using namespace std::chrono_literals;
using State = CircuitBreaker::State;
using SteadyTime = CircuitBreaker::SteadyTime;

constexpr CircuitBreakerOptions kOptions{
    .failures_to_open = 3, .first_pause = 100ms, .longest_pause = 300ms};
constexpr SteadyTime kStart(1h);

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
  const CircuitBreaker breaker(kOptions);
  EXPECT_EQ(breaker.state(kStart), State::kClosed);
  EXPECT_EQ(breaker.pause_left(kStart), 0ms);
  EXPECT_EQ(breaker.times_opened(), 0);
  EXPECT_EQ(breaker.last_failure(), "");
}

TEST(CircuitBreaker, OpensAfterFailuresInARow) {
  CircuitBreaker breaker(kOptions);
  fail(breaker, 2, kStart);
  EXPECT_EQ(breaker.state(kStart), State::kClosed);
  EXPECT_EQ(breaker.times_opened(), 0);
  fail(breaker, 1, kStart);
  EXPECT_EQ(breaker.state(kStart), State::kOpen);
  EXPECT_EQ(breaker.times_opened(), 1);
}

// Few calls are in flight, so five that time out one after the other would take long.
TEST(CircuitBreaker, OpensAfterFewerFailuresThatTookLong) {
  CircuitBreaker breaker(kOptions);
  for (int i = 0; i < 4; ++i) breaker.on_call();
  EXPECT_FALSE(breaker.on_failure(kStart, "refused", 0s));
  EXPECT_FALSE(breaker.on_failure(kStart, "timed out", 5s)) << "two others may succeed";
  EXPECT_TRUE(breaker.on_failure(kStart, "timed out", 5s));
  EXPECT_EQ(breaker.state(kStart), State::kOpen);
}

TEST(CircuitBreaker, StaysClosedWhenSuccessesComeBetween) {
  CircuitBreaker breaker(kOptions);
  for (int i = 0; i < 10; ++i) {
    fail(breaker, 2, kStart);
    succeed(breaker);
  }
  EXPECT_EQ(breaker.state(kStart), State::kClosed);
  EXPECT_EQ(breaker.times_opened(), 0);
}

TEST(CircuitBreaker, StaysClosedWhileOtherCallsMaySucceed) {
  CircuitBreaker breaker(kOptions);
  for (int i = 0; i < 9; ++i) breaker.on_call();
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(fail_once(breaker, kStart));
  EXPECT_EQ(breaker.state(kStart), State::kClosed);
  EXPECT_TRUE(fail_once(breaker, kStart));
  EXPECT_EQ(breaker.state(kStart), State::kOpen);
}

TEST(CircuitBreaker, AllowsATrialWhenThePauseIsOver) {
  CircuitBreaker breaker(kOptions);
  fail(breaker, 3, kStart);
  EXPECT_EQ(breaker.pause_left(kStart), 100ms);
  EXPECT_EQ(breaker.state(kStart + 99ms), State::kOpen);
  EXPECT_EQ(breaker.pause_left(kStart + 99ms), 1ms);
  EXPECT_EQ(breaker.state(kStart + 100ms), State::kHalfOpen);
  EXPECT_EQ(breaker.pause_left(kStart + 100ms), 0ms);
  EXPECT_EQ(breaker.pause_left(kStart + 4000ms), 0ms);
}

TEST(CircuitBreaker, ClosesWhenATrialSucceeds) {
  CircuitBreaker breaker(kOptions);
  fail(breaker, 3, kStart);
  succeed(breaker);
  EXPECT_EQ(breaker.state(kStart), State::kClosed);
  EXPECT_EQ(breaker.pause_left(kStart), 0ms);
}

TEST(CircuitBreaker, CountsFailuresAnewOnceItHasClosed) {
  CircuitBreaker breaker(kOptions);
  fail(breaker, 3, kStart);
  succeed(breaker);
  fail(breaker, 2, kStart + 1000ms);
  EXPECT_EQ(breaker.state(kStart + 1000ms), State::kClosed);
  fail(breaker, 1, kStart + 1000ms);
  EXPECT_EQ(breaker.pause_left(kStart + 1000ms), kOptions.first_pause);
}

TEST(CircuitBreaker, DoublesThePauseWithEveryFailedTrialUpToTheLongest) {
  CircuitBreaker breaker(kOptions);
  fail(breaker, 3, kStart);
  SteadyTime now = kStart;
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
  CircuitBreaker breaker(kOptions);
  fail(breaker, 3, kStart);
  fail(breaker, 16, kStart + 50ms);
  EXPECT_EQ(breaker.pause_left(kStart + 50ms), 50ms);
  EXPECT_EQ(breaker.times_opened(), 1);
}

TEST(CircuitBreaker, AllowsATrialAtOnceAfterTryAgain) {
  CircuitBreaker breaker(kOptions);
  fail(breaker, 3, kStart);
  breaker.try_again();
  EXPECT_EQ(breaker.state(kStart), State::kHalfOpen);
  EXPECT_EQ(breaker.pause_left(kStart), 0ms);
  fail(breaker, 1, kStart + 1ms);
  EXPECT_EQ(breaker.state(kStart + 1ms), State::kOpen);
  EXPECT_EQ(breaker.times_opened(), 2);
}

TEST(CircuitBreaker, StaysClosedAfterTryAgain) {
  CircuitBreaker breaker(kOptions);
  breaker.try_again();
  EXPECT_EQ(breaker.state(kStart), State::kClosed);
}

TEST(CircuitBreaker, TellsOnceWhenItOpensAndOnceWhenItCloses) {
  CircuitBreaker breaker({.failures_to_open = 2, .first_pause = 10ms, .longest_pause = 100ms});
  EXPECT_FALSE(succeed(breaker));
  EXPECT_FALSE(fail_once(breaker, kStart));
  EXPECT_TRUE(fail_once(breaker, kStart));
  EXPECT_FALSE(fail_once(breaker, kStart + 50ms));  // a failed trial
  EXPECT_TRUE(succeed(breaker));
  EXPECT_FALSE(succeed(breaker));
}

TEST(CircuitBreaker, RemembersTheLastFailure) {
  CircuitBreaker breaker(kOptions);
  fail_once(breaker, kStart, "connection refused");
  fail_once(breaker, kStart, "HTTP 500");
  EXPECT_EQ(breaker.last_failure(), "HTTP 500");
  succeed(breaker);
  EXPECT_EQ(breaker.last_failure(), "HTTP 500");
}

TEST(CircuitBreaker, OpensOnceForFailuresOfManyThreads) {
  CircuitBreaker breaker(kOptions);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&breaker] { fail(breaker, 100, kStart); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(breaker.state(kStart), State::kOpen);
  EXPECT_EQ(breaker.times_opened(), 1);
}

}  // namespace
}  // namespace invoice_app
