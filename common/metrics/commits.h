// Metrics of commits: how many rows they write, and how long they take. Failed ones do not count.
//
// Thread-safe. May be copied.

#ifndef COMMON_METRICS_COMMITS_H_
#define COMMON_METRICS_COMMITS_H_

#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <chrono>
#include <cstddef>
#include <string>

namespace common {

class CommitMetrics {
 public:
  // `transaction` names a kind of commit. It is the value of a label. `registry` must outlive this.
  CommitMetrics(prometheus::Registry& registry, const std::string& transaction);

  // `took` includes the transaction's wait for its turn to write.
  void observe(std::size_t rows, std::chrono::duration<double> took);

  // Calls `commit`, and observes it if it does not throw. Returns its result.
  template <typename Commit>
  auto measure(std::size_t rows, Commit commit) {
    const auto start = std::chrono::steady_clock::now();
    auto result = commit();
    observe(rows, std::chrono::steady_clock::now() - start);
    return result;
  }

 private:
  prometheus::Histogram* rows_;
  prometheus::Histogram* seconds_;
};

}  // namespace common

#endif  // COMMON_METRICS_COMMITS_H_
