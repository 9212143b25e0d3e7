#include "invoice-app/batch_size.h"

#include <utility>

namespace invoice_app {

using common::MutexLock;
using std::chrono::steady_clock;

std::size_t BatchSize::limit(SteadyTime now) const {
  MutexLock lock(mutex_);
  return now < one_by_one_until_ ? 1 : limit_;
}

bool BatchSize::on_answer(std::size_t size, steady_clock::duration duration, SteadyTime now) {
  MutexLock lock(mutex_);
  if (duration >= options_.quick) {
    shrink(size, duration, now);
  } else if (size >= limit_) {  // a smaller call says nothing about larger ones
    limit_ = std::min(2 * size, options_.max);
  }
  return size > 1 && !std::exchange(takes_batches_, true);
}

void BatchSize::on_failure(std::size_t size, steady_clock::duration duration, SteadyTime now) {
  MutexLock lock(mutex_);
  shrink(size, duration, now);
}

void BatchSize::shrink(std::size_t size, steady_clock::duration duration, SteadyTime now) {
  if (size == 1) return;
  limit_ = std::min(limit_, size / 2);
  if (duration >= options_.quick && duration > size * options_.per_payment) {
    one_by_one_until_ = now + options_.pause;
  }
}

bool BatchSize::on_not_taken(SteadyTime now) {
  MutexLock lock(mutex_);
  one_by_one_until_ = now + options_.pause;
  return std::exchange(takes_batches_, false);
}

}  // namespace invoice_app
