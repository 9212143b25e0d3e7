// Metrics that need a query of a database. A thread of its own runs the query, and only if a scrape
// asks for it. So a slow or failing database delays a scrape by at most `longest_wait`, and
// frequent scrapes do not cost more queries.
//
// Thread-safe.

#ifndef COMMON_METRICS_QUERIED_H_
#define COMMON_METRICS_QUERIED_H_

#include <prometheus/collectable.h>

#include <chrono>
#include <functional>
#include <thread>

#include "common/base/mutex.h"
#include "common/metrics/family.h"

namespace common {

struct QueriedMetricsOptions {
  // From the begin of a query to the next one. Scrapes in between get the same result.
  std::chrono::milliseconds interval{15'000};
  // How long a scrape waits for a new result. After it, the scrape gets the result before.
  std::chrono::milliseconds longest_wait{1'000};
  // How long a result is used. If a query takes longer than longest_wait, its result is for the
  // next scrape; they are up to a minute apart.
  std::chrono::milliseconds longest_use{60'000};
};

class QueriedMetrics final : public prometheus::Collectable {
 public:
  // Throws if it fails. Its time must be limited: the destructor waits for it.
  using Query = std::function<MetricFamilies()>;

  // Throws std::system_error if the thread cannot be started.
  explicit QueriedMetrics(Query query, QueriedMetricsOptions options = {});
  ~QueriedMetrics() override;
  QueriedMetrics(const QueriedMetrics&) = delete;
  QueriedMetrics& operator=(const QueriedMetrics&) = delete;

  // For a scrape. Empty if the last query failed, or if there is no result that may be used.
  MetricFamilies Collect() const override;

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;

  void run();
  MetricFamilies query();

  const Query query_;
  const QueriedMetricsOptions options_;
  bool has_failed_ = false;  // the last query; only the thread uses it

  mutable Mutex mutex_;
  mutable CondVar changed_;
  mutable bool is_wanted_ GUARDED_BY(mutex_) = false;  // a query, until it has ended
  bool stopping_ GUARDED_BY(mutex_) = false;
  SteadyTime next_query_ GUARDED_BY(mutex_);
  SteadyTime usable_until_ GUARDED_BY(mutex_);
  MetricFamilies result_ GUARDED_BY(mutex_);

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace common

#endif  // COMMON_METRICS_QUERIED_H_
