// A mutex, its lock and its condition variable, with annotations for clang's thread safety
// analysis: `make lint` finds accesses to a guarded member without its mutex. clang does not check
// constructors and destructors. g++ ignores the annotations.
// Source: https://clang.llvm.org/docs/ThreadSafetyAnalysis.html

#ifndef COMMON_BASE_MUTEX_H_
#define COMMON_BASE_MUTEX_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

#ifdef __clang__
#define THREAD_ANNOTATION(annotation) __attribute__((annotation))
#else
#define THREAD_ANNOTATION(annotation)
#endif

// On a member: only read and written while `mutex` is held.
#define GUARDED_BY(mutex) THREAD_ANNOTATION(guarded_by(mutex))
// On a function or a lambda: called while `mutex` is held.
#define REQUIRES(mutex) THREAD_ANNOTATION(requires_capability(mutex))

namespace common {

class THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  Mutex() = default;
  ~Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

 private:
  friend class MutexLock;
  std::mutex mutex_;
};

// Holds a mutex for as long as it lives, except between unlock() and lock().
class THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) THREAD_ANNOTATION(acquire_capability(mutex))
      : lock_(mutex.mutex_) {}
  ~MutexLock() THREAD_ANNOTATION(release_capability()) = default;
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void lock() THREAD_ANNOTATION(acquire_capability()) { lock_.lock(); }
  void unlock() THREAD_ANNOTATION(release_capability()) { lock_.unlock(); }

 private:
  friend class CondVar;
  std::unique_lock<std::mutex> lock_;
};

// The condition is a lambda that REQUIRES the mutex: `[&]() REQUIRES(mutex_) { return !empty_; }`.
class CondVar {
 public:
  // Returns when the condition holds.
  template <typename Condition>
  void wait(MutexLock& lock, Condition condition) {
    condition_.wait(lock.lock_, condition);
  }

  // Returns after a notification or spuriously. For loops that look again.
  void wait(MutexLock& lock) { condition_.wait(lock.lock_); }

  // Returns after a notification, at the deadline, or spuriously. For loops that recompute it.
  void wait_until(MutexLock& lock, std::chrono::steady_clock::time_point deadline) {
    condition_.wait_until(lock.lock_, deadline);
  }

  // Returns when the condition holds or the time has passed. True if the condition holds.
  template <typename Condition>
  bool wait_until(MutexLock& lock, std::chrono::steady_clock::time_point deadline,
                  Condition condition) {
    return condition_.wait_until(lock.lock_, deadline, condition);
  }
  template <typename Condition>
  bool wait_for(MutexLock& lock, std::chrono::steady_clock::duration timeout, Condition condition) {
    return condition_.wait_for(lock.lock_, timeout, condition);
  }

  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace common

#endif  // COMMON_BASE_MUTEX_H_
