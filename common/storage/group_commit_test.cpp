#include "common/storage/group_commit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/eventually.h"

namespace common {
namespace {

using Numbers = std::vector<int>;
using Doubler = GroupCommit<int, int>;

// Waits for the outcome of a request.
int run(Doubler& group, int number) {
  const auto promise = std::make_shared<std::promise<int>>();
  group.submit(number, [promise](const Outcome<int>& outcome) {
    try {
      promise->set_value(outcome());
    } catch (const std::exception&) {
      promise->set_exception(std::current_exception());
    }
  });
  return promise->get_future().get();
}

// A commit doubles numbers. The first one lasts until finish(), so that a test controls the queue
// in the meantime.
class SlowFirstCommit {
 public:
  Doubler::CommitBatch commit() {
    return [this](std::span<const int> requests) {
      {
        MutexLock lock(mutex_);
        batch_sizes_.push_back(requests.size());
      }
      const std::size_t commit = batch_sizes().size();
      if (commit == 1) {
        started_.set_value();
        may_end_.get_future().wait();
      }
      if (commit == fails_at_) throw std::runtime_error("the disk is full");
      Numbers results;
      for (const int request : requests) results.push_back(2 * request);
      return results;
    };
  }

  void fail_at(std::size_t commit) { fails_at_ = commit; }
  void await_start() { started_.get_future().wait(); }
  void finish() { may_end_.set_value(); }

  std::vector<std::size_t> batch_sizes() const {
    MutexLock lock(mutex_);
    return batch_sizes_;
  }

 private:
  std::size_t fails_at_ = 0;  // from 1; 0: none does
  std::promise<void> started_;
  std::promise<void> may_end_;
  mutable Mutex mutex_;
  std::vector<std::size_t> batch_sizes_ GUARDED_BY(mutex_);
};

// Makes each call in a thread of its own.
class Callers {
 public:
  explicit Callers(Doubler& group) : group_(group) {}

  void call(int number) {
    calls_.push_back(std::async(std::launch::async, [this, number] {
      try {
        return run(group_, number);
      } catch (const Unavailable&) {
        ++refused_;
        return kRefused;
      } catch (const std::runtime_error&) {
        return kFailed;
      }
    }));
  }

  // Makes so many more calls than the queue holds, and waits until these have failed: then it is
  // full.
  void fill_queue(int queue, int too_many) {
    for (int i = 0; i < queue + too_many; ++i) call(100 + i);
    EXPECT_TRUE(tests::eventually([&] { return refused_ == too_many; }));
  }

  // How many have returned.
  std::ptrdiff_t answered() const {
    return std::count_if(calls_.begin(), calls_.end(), [](const std::future<int>& call) {
      return call.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    });
  }

  Numbers results() {
    Numbers results;
    for (auto& call : calls_) results.push_back(call.get());
    return results;
  }

  static constexpr int kRefused = -1;
  static constexpr int kFailed = -2;

 private:
  Doubler& group_;
  std::atomic<int> refused_ = 0;
  std::vector<std::future<int>> calls_;
};

TEST(GroupCommit, AnswersWithTheResultOfTheRequest) {
  Doubler group([](std::span<const int> requests) { return Numbers(requests.size(), 7); });
  EXPECT_EQ(run(group, 1), 7);
  EXPECT_EQ(run(group, 2), 7);
}

TEST(GroupCommit, ReturnsAfterTheCommit) {
  SlowFirstCommit disk;
  Doubler group(disk.commit(), {.max_weight = 4, .max_queued = 2});
  Callers callers(group);
  callers.call(21);
  disk.await_start();
  Callers later(group);
  later.fill_queue(2, 1);  // one is refused, so two are queued
  EXPECT_EQ(callers.answered(), 0);
  EXPECT_LE(later.answered(), 1);
  disk.finish();
  EXPECT_EQ(callers.results(), Numbers{42});
  const Numbers results = later.results();
  EXPECT_EQ(std::count(results.begin(), results.end(), Callers::kRefused), 1);
}

TEST(GroupCommit, CommitsQueuedRequestsInBatchesUpToTheLimit) {
  SlowFirstCommit disk;
  Doubler group(disk.commit(), {.max_weight = 4, .max_queued = 10});
  Callers callers(group);
  callers.call(1);
  disk.await_start();
  callers.fill_queue(10, 3);
  disk.finish();
  callers.results();
  EXPECT_EQ(disk.batch_sizes(), (std::vector<std::size_t>{1, 4, 4, 2}));
}

TEST(GroupCommit, CommitsHeavyRequestsInSmallBatches) {
  SlowFirstCommit disk;
  Doubler group(disk.commit(), {.max_weight = 10});
  std::atomic<int> committed = 0;
  const auto submit = [&](std::size_t weight) {
    group.submit(
        1, [&committed](const Outcome<int>&) { ++committed; }, weight);
  };
  submit(1);
  disk.await_start();
  for (const std::size_t weight : {4U, 6U, 7U, 4U, 50U, 1U}) submit(weight);
  disk.finish();
  EXPECT_TRUE(tests::eventually([&] { return committed == 7; }));
  EXPECT_EQ(disk.batch_sizes(), (std::vector<std::size_t>{1, 2, 1, 1, 1, 1}));
}

TEST(GroupCommit, TheQueueIsFullWhenItsWeightIs) {
  SlowFirstCommit disk;
  Doubler group(disk.commit(), {.max_weight = 100, .max_queued = 10});
  std::atomic<int> committed = 0;
  const auto submit = [&](std::size_t weight) {
    group.submit(
        1, [&committed](const Outcome<int>&) { ++committed; }, weight);
  };
  submit(50);
  disk.await_start();
  for (const std::size_t weight : {0U, 8U, 20U}) submit(weight);  // 0 counts as 1
  EXPECT_THROW(submit(1), Unavailable);
  disk.finish();
  EXPECT_TRUE(tests::eventually([&] { return committed == 4; }));
  for (int i = 0; i < 20; ++i) run(group, i);  // what was committed does not count
  EXPECT_EQ(disk.batch_sizes()[1], 3U);
}

TEST(GroupCommit, ARequestThatWaitsForTooLongFailsAndIsNotWritten) {
  SlowFirstCommit disk;
  // Long enough for the first one, which a busy machine may not start at once.
  constexpr std::chrono::seconds kLongestWait{1};
  Doubler group(disk.commit(), {.longest_wait = kLongestWait});
  Callers callers(group);
  callers.call(1);
  disk.await_start();
  std::promise<bool> is_unavailable;
  group.submit(2, [&is_unavailable](const Outcome<int>& outcome) {
    try {
      outcome();
      is_unavailable.set_value(false);
    } catch (const Unavailable&) {
      is_unavailable.set_value(true);
    }
  });
  const auto begin = std::chrono::steady_clock::now();  // it waits already
  EXPECT_TRUE(
      tests::eventually([&] { return std::chrono::steady_clock::now() - begin > kLongestWait; }));
  disk.finish();
  EXPECT_TRUE(is_unavailable.get_future().get());
  EXPECT_EQ(callers.results(), Numbers{2});
  EXPECT_EQ(run(group, 3), 6);
  EXPECT_EQ(disk.batch_sizes(), (std::vector<std::size_t>{1, 1}));
}

TEST(GroupCommit, RefusesRequestsWhenTheQueueIsFull) {
  SlowFirstCommit disk;
  Doubler group(disk.commit(), {.max_weight = 256, .max_queued = 3});
  Callers callers(group);
  callers.call(1);
  disk.await_start();
  callers.fill_queue(3, 5);
  EXPECT_THROW(run(group, 7), Unavailable);
  disk.finish();
  const Numbers results = callers.results();
  EXPECT_EQ(std::count(results.begin(), results.end(), Callers::kRefused), 5);
  EXPECT_EQ(disk.batch_sizes(), (std::vector<std::size_t>{1, 3}));
  EXPECT_EQ(run(group, 8), 16);
}

TEST(GroupCommit, GivesEachCallerItsOwnResult) {
  SlowFirstCommit disk;
  Doubler group(disk.commit(), {.max_weight = 3, .max_queued = 20});
  Callers callers(group);
  callers.call(0);
  disk.await_start();
  for (int i = 1; i <= 20; ++i) callers.call(i);
  disk.finish();
  Numbers expected(21);
  for (int i = 0; i <= 20; ++i) expected[static_cast<std::size_t>(i)] = 2 * i;
  EXPECT_EQ(callers.results(), expected);
}

TEST(GroupCommit, CommitsTheRequestsOfOneCallerInTheirOrder) {
  std::vector<int> seen;
  {
    Doubler group([&seen](std::span<const int> requests) {
      seen.insert(seen.end(), requests.begin(), requests.end());
      return Numbers(requests.begin(), requests.end());
    });
    for (int i = 0; i < 100; ++i) run(group, i);
  }
  Numbers expected(100);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(seen, expected);
}

TEST(GroupCommit, ThrowsToEveryCallerOfACommitThatFailed) {
  SlowFirstCommit disk;
  disk.fail_at(2);
  Doubler group(disk.commit(), {.max_weight = 10, .max_queued = 3});
  Callers first(group);
  first.call(5);
  disk.await_start();
  Callers second(group);
  second.fill_queue(3, 1);
  disk.finish();
  EXPECT_EQ(first.results(), Numbers{10});
  const Numbers results = second.results();
  EXPECT_EQ(std::count(results.begin(), results.end(), Callers::kFailed), 3);
  EXPECT_EQ(std::count(results.begin(), results.end(), Callers::kRefused), 1);
  EXPECT_EQ(run(group, 6), 12);
  EXPECT_EQ(disk.batch_sizes(), (std::vector<std::size_t>{1, 3, 1}));
}

TEST(GroupCommit, ThrowsWhatTheCommitThrew) {
  SlowFirstCommit disk;
  disk.fail_at(1);
  disk.finish();
  Doubler group(disk.commit());
  try {
    run(group, 1);
    FAIL() << "answered";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "the disk is full");
  }
  EXPECT_EQ(run(group, 2), 4);
}

TEST(GroupCommit, ThrowsWhenARequestHasNoResult) {
  std::size_t results = 0;
  Doubler group([&results](std::span<const int> /*requests*/) { return Numbers(results); });
  EXPECT_THROW(run(group, 1), std::runtime_error);
  results = 2;
  EXPECT_THROW(run(group, 1), std::runtime_error);
  results = 1;
  EXPECT_EQ(run(group, 1), 0);
}

TEST(GroupCommit, CommitsTheQueueBeforeItEnds) {
  SlowFirstCommit disk;
  std::optional<Doubler> group;
  group.emplace(disk.commit(), GroupCommitLimits{.max_weight = 2, .max_queued = 5});
  Callers callers(*group);
  callers.call(1);
  disk.await_start();
  callers.fill_queue(5, 1);
  std::thread end([&group] { group.reset(); });
  disk.finish();
  end.join();
  const Numbers results = callers.results();
  EXPECT_EQ(std::count_if(results.begin(), results.end(), [](int result) { return result > 0; }),
            6);
  EXPECT_EQ(disk.batch_sizes(), (std::vector<std::size_t>{1, 2, 2, 1}));
}

TEST(GroupCommit, EndsWithoutARequest) {
  bool committed = false;
  {
    const Doubler group([&committed](std::span<const int> /*requests*/) {
      committed = true;
      return Numbers();
    });
  }
  EXPECT_FALSE(committed);
}

TEST(GroupCommit, ConcurrentCallersEachGetTheirOwnResult) {
  constexpr int kThreads = 8;
  constexpr int kEach = 500;
  int committed = 0;  // only the writing thread uses it
  std::atomic<int> wrong = 0;
  {
    Doubler group([&committed](std::span<const int> requests) {
      committed += static_cast<int>(requests.size());
      return Numbers(requests.begin(), requests.end());
    });
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < kEach; ++i) {
          const int number = thread * kEach + i;
          if (run(group, number) != number) ++wrong;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(committed, kThreads * kEach);
}

}  // namespace
}  // namespace common
