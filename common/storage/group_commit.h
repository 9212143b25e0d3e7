// Group commit: what many threads ask for while one commit is syncing goes into the next commit
// together, so the cost of a sync is shared. One writer thread; nobody is answered before the
// commit that holds what they asked for, and a failed commit answers nobody.
//
// Worth having only where a commit is much dearer than the work in it. Thread-safe.

#ifndef COMMON_STORAGE_GROUP_COMMIT_H_
#define COMMON_STORAGE_GROUP_COMMIT_H_

#include <semaphore.h>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/unavailable.h"

namespace common {

struct GroupCommitLimits {
  std::size_t max_batch = 256;    // requests in one commit
  std::size_t max_queued = 4096;  // requests that wait for one; over that, Unavailable
};

template <typename Request, typename Result>
class GroupCommit {
 public:
  // Does all of the requests in one transaction and returns their results in the same order, after
  // the commit. An Unavailable that it throws is thrown to each of the callers, anything else as a
  // std::runtime_error with the same text. Called from the writer alone.
  using CommitBatch = std::function<std::vector<Result>(std::span<const Request>)>;

  explicit GroupCommit(CommitBatch commit_batch, GroupCommitLimits limits = {})
      : commit_batch_(std::move(commit_batch)), limits_(limits), writer_([this] { write(); }) {}

  // Commits what is queued, then ends.
  ~GroupCommit() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    arrived_.notify_one();
    writer_.join();
  }

  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;

  // Returns after the commit. Throws Unavailable when the queue is full (nothing was done), else
  // what commit_batch threw (CommitBatch).
  Result run(Request request) {
    Caller caller;
    {
      std::lock_guard lock(mutex_);
      if (queue_.size() >= limits_.max_queued) throw Unavailable("too many writes are waiting");
      queue_.push_back({std::move(request), &caller});
      arrived_.notify_one();  // under the lock: after it, the destructor may already be through
    }
    return caller.get();
  }

 private:
  // Who waits, on whose stack this is. Not std::promise, which costs three system calls where this
  // costs two: with hundreds of callers that was felt.
  class Caller {
   public:
    Caller() { ::sem_init(&answered_, 0, 0); }
    ~Caller() { ::sem_destroy(&answered_); }
    Caller(const Caller&) = delete;
    Caller& operator=(const Caller&) = delete;

    // Either may be the end of this object.
    void set(Result result) {
      result_ = std::move(result);
      ::sem_post(&answered_);
    }
    void fail(std::function<void()> throw_failure) {
      throw_failure_ = std::move(throw_failure);
      ::sem_post(&answered_);
    }

    Result get() {
      while (::sem_wait(&answered_) != 0) {  // a signal was handled
      }
      if (throw_failure_) throw_failure_();
      return std::move(*result_);
    }

   private:
    sem_t answered_;
    std::optional<Result> result_;
    std::function<void()> throw_failure_;
  };

  struct Queued {
    Request request;
    Caller* caller;
  };

  void write() {
    while (true) {
      std::vector<Request> requests;
      std::vector<Caller*> callers;
      {
        std::unique_lock lock(mutex_);
        arrived_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        if (queue_.empty()) return;
        while (!queue_.empty() && requests.size() < limits_.max_batch) {
          requests.push_back(std::move(queue_.front().request));
          callers.push_back(queue_.front().caller);
          queue_.pop_front();
        }
      }
      std::vector<Result> results;
      try {
        results = commit_batch_(requests);
        if (results.size() != callers.size()) throw std::runtime_error("not a result per request");
      } catch (const Unavailable& failure) {
        fail(callers, failure);
        continue;
      } catch (const std::exception& failure) {
        fail(callers, std::runtime_error(failure.what()));
        continue;
      }
      for (std::size_t i = 0; i < callers.size(); ++i) callers[i]->set(std::move(results[i]));
    }
  }

  // Each caller throws an exception of its own: ThreadSanitizer doesn't see how libstdc++ counts
  // the owners of a shared one.
  template <typename Exception>
  static void fail(const std::vector<Caller*>& callers, const Exception& failure) {
    for (Caller* caller : callers) {
      caller->fail([why = std::string(failure.what())] { throw Exception(why); });
    }
  }

  const CommitBatch commit_batch_;
  const GroupCommitLimits limits_;

  std::mutex mutex_;
  std::condition_variable arrived_;
  bool stopping_ = false;     // guarded by mutex_
  std::deque<Queued> queue_;  // guarded by mutex_

  std::thread writer_;  // last: it uses all of the above
};

}  // namespace common

#endif  // COMMON_STORAGE_GROUP_COMMIT_H_
