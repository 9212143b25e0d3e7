#include "invoice-app/invoice_metrics.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "invoice-app/invoice_json.h"
#include "invoice-app/invoice_summary.h"

namespace invoice_app {
namespace {

void add_audit(const AuditRecord& record, common::MetricFamilies& families) {
  const std::chrono::duration<double> finished_at = record.finished_at.time_since_epoch();
  families.push_back(common::gauge_family(
      "invoice_app_audit_last_completion_timestamp_seconds",
      "When the last completed audit has finished, in Unix time.", {{finished_at.count()}}));
  std::vector<common::MetricSample> samples;
  for (std::size_t kind = 0; kind < kDifferences.size(); ++kind) {
    samples.push_back({static_cast<double>(record.differences.at(kind)),
                       {{"kind", std::string(kDifferences.at(kind).first)}}});
  }
  families.push_back(common::gauge_family("invoice_app_audit_differences",
                                          "What the last completed audit has found, by kind.",
                                          samples));
}

}  // namespace

common::MetricFamilies InvoiceMetrics::read() {
  const auto since = store_.due_since();
  // At least 0: the clock may have been set back.
  const auto age = since ? std::max(clock_.now() - *since, std::chrono::milliseconds(0))
                         : std::chrono::milliseconds(0);
  const auto version = store_.committed_version();
  if (!version || version != version_) {
    version_.reset();
    invoices_ = count_invoices();
    version_ = version;
  }
  common::MetricFamilies families = {
      invoices_, common::gauge_family("invoice_app_oldest_due_invoice_age_seconds",
                                      "How long the oldest due invoice has been due; 0 if none is.",
                                      {{std::chrono::duration<double>(age).count()}})};
  if (const auto record = store_.last_audit()) add_audit(*record, families);
  return families;
}

prometheus::MetricFamily InvoiceMetrics::count_invoices() {
  std::vector<common::MetricSample> samples;
  for (const InvoiceSummary::Row& row : InvoiceSummary(store_).list(0, 0)) {
    const auto* const status =
        std::find_if(kStatuses.begin(), kStatuses.end(),
                     [&](const auto& one) { return one.second == row.total.state; });
    samples.push_back({static_cast<double>(row.total.count),
                       {{"currency", row.total.currency}, {"status", std::string(status->first)}}});
  }
  return common::gauge_family("invoice_app_invoices", "Stored invoices, by currency and status.",
                              samples);
}

}  // namespace invoice_app
