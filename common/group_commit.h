// Group commit: what many threads ask for while one commit is syncing goes into the next commit
// together, so the cost of a sync is shared. One writer thread; nobody is answered before the
// commit that holds what they asked for, and a failed commit answers nobody.
//
// Worth having only where a commit is much dearer than the work in it. Thread-safe.

#ifndef COMMON_GROUP_COMMIT_H_
#define COMMON_GROUP_COMMIT_H_

#include <semaphore.h>

#include <algorithm>
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

#include "common/unavailable.h"

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
    Waiting waiting;
    {
      std::lock_guard lock(mutex_);
      if (requests_.size() >= limits_.max_queued) {
        throw Unavailable("too many writes are waiting");
      }
      requests_.push_back(std::move(request));
      waiting_.push_back(&waiting);
      arrived_.notify_one();  // under the lock: after it, the destructor may already be through
    }
    return waiting.get();
  }

 private:
  // A caller, whose stack this is on. Not std::promise, which costs three system calls where this
  // costs two: with hundreds of callers that was felt.
  class Waiting {
   public:
    Waiting() { ::sem_init(&answered_, 0, 0); }
    ~Waiting() { ::sem_destroy(&answered_); }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

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

  void write() {
    while (true) {
      std::vector<Request> requests;
      std::vector<Waiting*> waiting;
      {
        std::unique_lock lock(mutex_);
        arrived_.wait(lock, [this] { return stopping_ || !requests_.empty(); });
        if (requests_.empty()) return;
        const std::size_t count = std::min(requests_.size(), limits_.max_batch);
        take(requests_, count, requests);
        take(waiting_, count, waiting);
      }
      std::vector<Result> results;
      try {
        results = commit_batch_(requests);
        if (results.size() != waiting.size()) throw std::runtime_error("not a result per request");
      } catch (const Unavailable& failure) {
        fail(waiting, failure);
        continue;
      } catch (const std::exception& failure) {
        fail(waiting, std::runtime_error(failure.what()));
        continue;
      }
      for (std::size_t i = 0; i < waiting.size(); ++i) waiting[i]->set(std::move(results[i]));
    }
  }

  // Each caller throws an exception of its own: ThreadSanitizer doesn't see how libstdc++ counts
  // the owners of a shared one.
  template <typename Exception>
  static void fail(const std::vector<Waiting*>& waiting, const Exception& failure) {
    for (Waiting* caller : waiting) {
      caller->fail([why = std::string(failure.what())] { throw Exception(why); });
    }
  }

  template <typename T>
  static void take(std::deque<T>& from, std::size_t count, std::vector<T>& to) {
    const auto end = from.begin() + static_cast<std::ptrdiff_t>(count);
    to.assign(std::make_move_iterator(from.begin()), std::make_move_iterator(end));
    from.erase(from.begin(), end);
  }

  const CommitBatch commit_batch_;
  const GroupCommitLimits limits_;

  std::mutex mutex_;
  std::condition_variable arrived_;
  bool stopping_ = false;         // guarded by mutex_
  std::deque<Request> requests_;  // guarded by mutex_
  std::deque<Waiting*> waiting_;  // guarded by mutex_; waiting_[i] is requests_[i]'s caller

  std::thread writer_;  // last: it uses all of the above
};

}  // namespace common

#endif  // COMMON_GROUP_COMMIT_H_
