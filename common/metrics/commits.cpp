#include "common/metrics/commits.h"

namespace common {
namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;

}  // namespace

CommitMetrics::CommitMetrics(prometheus::Registry& registry, const std::string& transaction)
    : rows_(
          &prometheus::BuildHistogram()
               .Name("database_commit_rows")
               .Help("Invoices or payments of a commit.")
               .Register(registry)
               .Add({{"transaction", transaction}}, Buckets{1, 2, 5, 10, 20, 50, 100, 200, 500,
                                                            1'000, 2'000, 5'000, 10'000, 20'000})),
      seconds_(&prometheus::BuildHistogram()
                    .Name("database_commit_duration_seconds")
                    .Help("Duration of a transaction that was committed.")
                    .Register(registry)
                    .Add({{"transaction", transaction}},
                         Buckets{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
                                 2.5, 5})) {}

void CommitMetrics::observe(std::size_t rows, std::chrono::duration<double> took) {
  rows_->Observe(static_cast<double>(rows));
  seconds_->Observe(took.count());
}

}  // namespace common
