// How many payments one call carries. The number doubles while calls are quick, so that commits
// grow with the backlog, and halves when a call is slow or gets no answer.
//
// Payments go one by one for a while if the provider does not take a batch, or takes so long for
// each payment of it that many concurrent calls are better: so a slow provider is not held up by
// long calls, and one payment that it cannot process holds up no others. Then batches are tried
// again, because the provider may have been updated.
//
// Thread-safe. The time is a parameter, so that tests need not wait.

#ifndef INVOICE_APP_BATCH_SIZE_H_
#define INVOICE_APP_BATCH_SIZE_H_

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "common/base/mutex.h"

namespace invoice_app {

struct BatchSizeOptions {
  std::size_t max = 1'000;  // 1: no batches
  std::size_t first = 125;  // so that a slow provider gets no call that cannot end in time
  std::chrono::milliseconds quick{500};      // a call that takes longer is slow
  std::chrono::milliseconds per_payment{2};  // a slow call with more for each payment: one by one
  std::chrono::milliseconds pause{10'000};   // how long payments then go one by one
};

class BatchSize {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  explicit BatchSize(BatchSizeOptions options = {})
      : options_(options), limit_(std::min(options.first, options.max)) {}

  // The most payments of the next call; 1: pay one by one.
  std::size_t limit(SteadyTime now) const;

  // A call with `size` payments was answered after `duration`. Returns true if the provider takes
  // batches again. For logging.
  bool on_answer(std::size_t size, std::chrono::steady_clock::duration duration, SteadyTime now);
  // A call with `size` payments got no usable answer within `duration`. A single payment that fails
  // says nothing about batches.
  void on_failure(std::size_t size, std::chrono::steady_clock::duration duration, SteadyTime now);
  // Returns true if the provider took batches before. For logging.
  bool on_not_taken(SteadyTime now);

 private:
  // After a call that was slow or failed.
  void shrink(std::size_t size, std::chrono::steady_clock::duration duration, SteadyTime now)
      REQUIRES(mutex_);

  const BatchSizeOptions options_;

  mutable common::Mutex mutex_;
  std::size_t limit_ GUARDED_BY(mutex_);
  bool takes_batches_ GUARDED_BY(mutex_) = true;  // as far as this process knows
  SteadyTime one_by_one_until_ GUARDED_BY(mutex_){};
};

}  // namespace invoice_app

#endif  // INVOICE_APP_BATCH_SIZE_H_
