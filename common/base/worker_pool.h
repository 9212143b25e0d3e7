// Threads that run tasks, oldest first.
//
// A further thread joins only if the oldest task has waited for kJoinAfter: for short tasks, waking
// a thread costs more than running the task, and one busy thread is faster than several that sleep
// and wake. If several tasks have waited for that long, as many threads join.
//
// Thread-safe.

#ifndef COMMON_BASE_WORKER_POOL_H_
#define COMMON_BASE_WORKER_POOL_H_

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.h"

namespace common {

class WorkerPool {
 public:
  using Task = std::function<void()>;  // must not throw

  enum class Lane {
    kShared,
    kOneAtATime,  // never two of these tasks at once: they occupy at most one thread
  };

  static constexpr std::chrono::milliseconds kJoinAfter{3};

  WorkerPool() = default;
  ~WorkerPool();  // stops
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Throws std::system_error, with `purpose` in what(), if a thread cannot be started. The threads
  // before it run until stop().
  void start(std::size_t threads, const std::string& purpose);

  // Not after stop().
  void add(Lane lane, Task task);

  struct Load {
    std::size_t busy;    // threads that run tasks
    std::size_t queued;  // tasks that wait for a thread
  };
  Load load() const;

  // Returns when all tasks have been run and all threads have ended.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;

  struct Queued {
    Task task;
    Clock::time_point since;
  };

  void run();
  // Returns when this thread must run a task, or when nothing is left to do after stop(): false.
  bool await_task(MutexLock& lock) REQUIRES(mutex_);
  // The queue with the oldest task that may run now; nullptr if there is none.
  std::deque<Queued>* next_queue() REQUIRES(mutex_);

  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Queued> shared_ GUARDED_BY(mutex_);
  std::deque<Queued> one_at_a_time_ GUARDED_BY(mutex_);
  bool one_runs_ GUARDED_BY(mutex_) = false;     // a task of one_at_a_time_
  std::size_t active_ GUARDED_BY(mutex_) = 0;    // threads that run tasks
  bool has_standby_ GUARDED_BY(mutex_) = false;  // a thread that looks whether it must join
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace common

#endif  // COMMON_BASE_WORKER_POOL_H_
