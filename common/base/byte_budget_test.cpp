#include "common/base/byte_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace common {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ByteBudget, WhatIsGivenBackCanBeTakenAgain) {
  ByteBudget budget(10, milliseconds(0));
  { const ByteBudget::Share all(budget, 10); }
  const ByteBudget::Share some(budget, 6);
  const ByteBudget::Share rest(budget, 4);
}

TEST(ByteBudget, WhoWaitsTooLongIsToldSoAndTakesNothing) {
  ByteBudget budget(10, milliseconds(1));
  const ByteBudget::Share some(budget, 6);
  EXPECT_THROW(ByteBudget::Share(budget, 5), Unavailable);
  const ByteBudget::Share rest(budget, 4);
}

TEST(ByteBudget, NeverGivesMoreThanItHas) {
  ByteBudget budget(10, seconds(60));
  std::atomic<int> taken = 0;
  std::atomic<int> most = 0;
  std::vector<std::jthread> threads;
  for (int bytes = 1; bytes <= 8; ++bytes) {
    threads.emplace_back([&, bytes] {
      for (int i = 0; i < 50; ++i) {
        const ByteBudget::Share share(budget, static_cast<std::size_t>(bytes));
        const int now = taken += bytes;
        int before = most;
        while (now > before && !most.compare_exchange_weak(before, now)) {
        }
        std::this_thread::yield();
        taken -= bytes;
      }
    });
  }
  threads.clear();
  EXPECT_LE(most, 10);
}

}  // namespace
}  // namespace common
