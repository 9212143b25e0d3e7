// Group commit: requests that arrive during a commit are written together by the next one, so they
// share the cost of its sync. One thread writes. A request returns after its commit; if the commit
// fails, all of its requests throw.
//
// Use it only if a commit costs much more than its work. Thread-safe.

#ifndef COMMON_STORAGE_GROUP_COMMIT_H_
#define COMMON_STORAGE_GROUP_COMMIT_H_

#include <semaphore.h>

#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/unavailable.h"

namespace common {

struct GroupCommitLimits {
  std::size_t max_batch = 256;    // requests in one commit
  std::size_t max_queued = 4096;  // requests that wait for a commit; further ones throw Unavailable
};

template <typename Request, typename Result>
class GroupCommit {
 public:
  // Executes the requests in one transaction and returns their results in the same order, after the
  // commit. If it throws, all callers get the exception: Unavailable as such, others as a
  // std::runtime_error with the same text. Called only by the writing thread.
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

  // Returns after the commit. Throws Unavailable if the queue is full, before anything is done;
  // else the exception of CommitBatch.
  Result run(Request request) {
    Caller caller;
    {
      MutexLock lock(mutex_);
      if (queue_.size() >= limits_.max_queued) throw Unavailable("too many writes are waiting");
      queue_.push_back({std::move(request), &caller});
      // Notify under the lock: after the unlock the destructor may finish.
      arrived_.notify_one();
    }
    return caller.get();
  }

 private:
  // Lives on the stack of a caller of run(). A semaphore, because std::promise needs one more
  // system call.
  class Caller {
   public:
    Caller() { ::sem_init(&answered_, 0, 0); }
    ~Caller() { ::sem_destroy(&answered_); }
    Caller(const Caller&) = delete;
    Caller& operator=(const Caller&) = delete;

    // The caller may destroy this as soon as it is posted.
    void set(Result result) {
      result_ = std::move(result);
      ::sem_post(&answered_);
    }
    void fail(std::function<void()> throw_failure) {
      throw_failure_ = std::move(throw_failure);
      ::sem_post(&answered_);
    }

    Result get() {
      while (::sem_wait(&answered_) != 0) {  // interrupted by a signal
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
        MutexLock lock(mutex_);
        arrived_.wait(lock, [this]() REQUIRES(mutex_) { return stopping_ || !queue_.empty(); });
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
        if (results.size() != callers.size()) {
          throw std::runtime_error("the number of results differs from the number of requests");
        }
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

  // Each caller gets its own exception: ThreadSanitizer reports a shared one wrongly.
  template <typename Exception>
  static void fail(const std::vector<Caller*>& callers, const Exception& failure) {
    for (Caller* caller : callers) {
      caller->fail([why = std::string(failure.what())] { throw Exception(why); });
    }
  }

  const CommitBatch commit_batch_;
  const GroupCommitLimits limits_;

  Mutex mutex_;
  CondVar arrived_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::deque<Queued> queue_ GUARDED_BY(mutex_);

  std::thread writer_;  // last: it uses all of the above
};

}  // namespace common

#endif  // COMMON_STORAGE_GROUP_COMMIT_H_
