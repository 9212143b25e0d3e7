#include "common/base/worker_pool.h"

#include <utility>

#include "common/base/threads.h"

namespace common {

WorkerPool::~WorkerPool() { stop(); }

void WorkerPool::start(std::size_t threads, const std::string& purpose) {
  start_threads(threads_, threads, purpose, [this] { run(); });
}

void WorkerPool::add(Lane lane, Task task) {
  bool notify = false;
  {
    MutexLock lock(mutex_);
    auto& queue = lane == Lane::kShared ? shared_ : one_at_a_time_;
    queue.push_back({std::move(task), Clock::now()});
    notify = active_ == 0 || !has_standby_;
  }
  if (notify) changed_.notify_one();
}

WorkerPool::Load WorkerPool::load() const {
  MutexLock lock(mutex_);
  return {.busy = active_, .queued = shared_.size() + one_at_a_time_.size()};
}

void WorkerPool::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void WorkerPool::run() {
  MutexLock lock(mutex_);
  while (await_task(lock)) {
    ++active_;
    while (std::deque<Queued>* queue = next_queue()) {
      const bool is_one = queue == &one_at_a_time_;
      const Task task = std::move(queue->front().task);
      queue->pop_front();
      if (is_one) one_runs_ = true;
      lock.unlock();
      task();
      lock.lock();
      if (is_one) one_runs_ = false;
    }
    --active_;
  }
  changed_.notify_all();  // the others end, too: no tasks are left
}

bool WorkerPool::await_task(MutexLock& lock) {
  while (true) {
    const auto* queue = next_queue();
    if (queue != nullptr && (active_ == 0 || Clock::now() - queue->front().since >= kJoinAfter)) {
      // Another thread looks whether it must join, too.
      if (!has_standby_ && shared_.size() + one_at_a_time_.size() > 1) changed_.notify_one();
      return true;
    }
    if (queue == nullptr && stopping_ && shared_.empty() && one_at_a_time_.empty()) return false;
    if (active_ == 0 || has_standby_) {
      changed_.wait(lock);
    } else {
      has_standby_ = true;
      changed_.wait_until(lock, Clock::now() + kJoinAfter);
      has_standby_ = false;
    }
  }
}

std::deque<WorkerPool::Queued>* WorkerPool::next_queue() {
  const bool one_may_run = !one_runs_ && !one_at_a_time_.empty();
  if (shared_.empty()) return one_may_run ? &one_at_a_time_ : nullptr;
  const bool one_is_older = one_may_run && one_at_a_time_.front().since < shared_.front().since;
  return one_is_older ? &one_at_a_time_ : &shared_;
}

}  // namespace common
