// Group commit: requests that arrive during a commit are written together by the next one, so they
// share the cost of its sync. No caller waits: the writing thread calls a function of each request
// after the commit. If the commit fails, all of its requests fail.
//
// Use it only if a commit costs much more than the statements in it. Thread-safe.

#ifndef COMMON_STORAGE_GROUP_COMMIT_H_
#define COMMON_STORAGE_GROUP_COMMIT_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/outcome.h"
#include "common/base/unavailable.h"

namespace common {

struct GroupCommitLimits {
  // Sum of the weights of the requests in one commit. A heavier request is committed alone.
  std::size_t max_weight = 256;
  // Sum of the weights of the requests that wait for a commit. While it is reached, further ones
  // throw Unavailable. The last one that is queued may exceed it.
  std::size_t max_queued = 4096;
  // A request that waits for longer fails with Unavailable and is not written: its caller has
  // probably given up.
  std::chrono::milliseconds longest_wait{5'000};
};

template <typename Request, typename Result>
class GroupCommit {
 public:
  // Executes the requests in one transaction and returns their results in the same order, after the
  // commit. If it throws, this is the outcome of all of them. Called only by the writing thread.
  using CommitBatch = std::function<std::vector<Result>(std::span<const Request>)>;

  explicit GroupCommit(CommitBatch commit_batch, GroupCommitLimits limits = {})
      : commit_batch_(std::move(commit_batch)), limits_(limits), writer_([this] { write(); }) {}

  // Commits the queued requests first.
  ~GroupCommit() {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
    }
    arrived_.notify_one();
    writer_.join();
  }

  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;

  // Queues the request. The writing thread calls `on_outcome` after the commit. Throws Unavailable
  // if the queue is full; then the request is not written and `on_outcome` is not called. `weight`
  // is the work of the request; 0 counts as 1.
  void submit(Request request, OnOutcome<Result> on_outcome, std::size_t weight = 1) {
    weight = std::max<std::size_t>(weight, 1);
    MutexLock lock(mutex_);
    if (queued_weight_ >= limits_.max_queued) throw Unavailable("too many writes are waiting");
    queued_weight_ += weight;
    queue_.push_back({std::move(request), std::move(on_outcome), weight, Clock::now()});
    // Notify under the lock: after the unlock the destructor may finish.
    arrived_.notify_one();
  }

 private:
  using Clock = std::chrono::steady_clock;

  struct Queued {
    Request request;
    OnOutcome<Result> on_outcome;
    std::size_t weight;
    Clock::time_point since;
  };

  void write() {
    while (true) {
      std::vector<Queued> batch;
      Clock::time_point oldest;
      {
        MutexLock lock(mutex_);
        arrived_.wait(lock, [this]() REQUIRES(mutex_) { return stopping_ || !queue_.empty(); });
        if (queue_.empty()) return;
        oldest = Clock::now() - limits_.longest_wait;
        batch = take_batch(oldest);
      }
      if (batch.front().since < oldest) {
        batch.front().on_outcome(failed<Result>(Unavailable("the write waited for too long")));
      } else {
        commit(batch);
      }
    }
  }

  // The next requests. One that arrived before `oldest` is returned alone.
  std::vector<Queued> take_batch(Clock::time_point oldest) REQUIRES(mutex_) {
    std::vector<Queued> batch;
    std::size_t weight = 0;
    do {
      weight += queue_.front().weight;
      batch.push_back(std::move(queue_.front()));
      queue_.pop_front();
    } while (!queue_.empty() && weight + queue_.front().weight <= limits_.max_weight &&
             batch.front().since >= oldest);
    queued_weight_ -= weight;
    return batch;
  }

  void commit(std::vector<Queued>& batch) {
    std::vector<Request> requests;
    requests.reserve(batch.size());
    for (Queued& queued : batch) requests.push_back(std::move(queued.request));
    std::vector<Result> results;
    try {
      results = commit_batch_(requests);
      if (results.size() != batch.size()) {
        throw std::runtime_error("the number of results differs from the number of requests");
      }
    } catch (const std::exception& error) {
      for (const Queued& queued : batch) queued.on_outcome(failed<Result>(error));
      return;
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
      batch[i].on_outcome([&result = results[i]] { return std::move(result); });
    }
  }

  const CommitBatch commit_batch_;
  const GroupCommitLimits limits_;

  Mutex mutex_;
  CondVar arrived_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::deque<Queued> queue_ GUARDED_BY(mutex_);
  std::size_t queued_weight_ GUARDED_BY(mutex_) = 0;

  std::thread writer_;  // last: it uses all of the above
};

}  // namespace common

#endif  // COMMON_STORAGE_GROUP_COMMIT_H_
