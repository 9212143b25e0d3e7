// Limits the bytes of concurrent request bodies. Parsed bodies need many times their size in
// memory, and their writes share a transaction, so the limit on connections is not enough.

#ifndef COMMON_BASE_BYTE_BUDGET_H_
#define COMMON_BASE_BYTE_BUDGET_H_

#include <chrono>
#include <cstddef>

#include "common/base/mutex.h"
#include "common/base/unavailable.h"

namespace common {

// Thread-safe.
class ByteBudget {
 public:
  // A share of the budget, returned on destruction. The budget must outlive it.
  class Share {
   public:
    // Waits until enough is left. Throws Unavailable if that takes longer than longest_wait.
    Share(ByteBudget& budget, std::size_t bytes) : budget_(budget), bytes_(bytes) {
      MutexLock lock(budget.mutex_);
      const auto is_enough = [&]() REQUIRES(budget.mutex_) { return bytes <= budget.left_; };
      if (!budget.given_back_.wait_for(lock, budget.longest_wait_, is_enough)) {
        throw Unavailable("too many large concurrent requests");
      }
      budget.left_ -= bytes;
    }

    ~Share() {
      {
        MutexLock lock(budget_.mutex_);
        budget_.left_ += bytes_;
      }
      budget_.given_back_.notify_all();
    }

    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

   private:
    ByteBudget& budget_;
    const std::size_t bytes_;
  };

  ByteBudget(std::size_t bytes, std::chrono::milliseconds longest_wait)
      : longest_wait_(longest_wait), left_(bytes) {}

 private:
  const std::chrono::milliseconds longest_wait_;
  Mutex mutex_;
  CondVar given_back_;
  std::size_t left_ GUARDED_BY(mutex_);
};

}  // namespace common

#endif  // COMMON_BASE_BYTE_BUDGET_H_
