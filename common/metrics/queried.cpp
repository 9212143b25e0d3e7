#include "common/metrics/queried.h"

#include <exception>
#include <utility>

#include "common/log/log.h"

namespace common {

using std::chrono::steady_clock;

QueriedMetrics::QueriedMetrics(Query query, QueriedMetricsOptions options)
    : query_(std::move(query)), options_(options), thread_([this] { run(); }) {}

QueriedMetrics::~QueriedMetrics() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

MetricFamilies QueriedMetrics::Collect() const {
  MutexLock lock(mutex_);
  const auto now = steady_clock::now();
  if (now >= next_query_) is_wanted_ = true;
  if (is_wanted_) {
    changed_.notify_all();
    changed_.wait_until(lock, now + options_.longest_wait,
                        [this]() REQUIRES(mutex_) { return !is_wanted_; });
  }
  return steady_clock::now() < usable_until_ ? result_ : MetricFamilies();
}

void QueriedMetrics::run() {
  MutexLock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this]() REQUIRES(mutex_) { return stopping_ || is_wanted_; });
    if (stopping_) return;
    next_query_ = steady_clock::now() + options_.interval;
    lock.unlock();
    MetricFamilies result = query();
    lock.lock();
    result_ = std::move(result);
    usable_until_ = steady_clock::now() + options_.longest_use;
    is_wanted_ = false;
    changed_.notify_all();
  }
}

MetricFamilies QueriedMetrics::query() {
  try {
    MetricFamilies result = query_();
    has_failed_ = false;
    return result;
  } catch (const std::exception& error) {
    // Once, not for every scrape.
    if (!std::exchange(has_failed_, true)) {
      log_warn("metrics are missing: their query fails", {{"error", error.what()}});
    }
    return {};
  }
}

}  // namespace common
