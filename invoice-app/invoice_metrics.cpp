#include "invoice-app/invoice_metrics.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "invoice-app/invoice_json.h"
#include "invoice-app/routes.h"

namespace invoice_app {

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
  return {invoices_, common::gauge_family("invoice_app_oldest_due_invoice_age_seconds",
                                          "How long the oldest due invoice has been due; 0 if none "
                                          "is.",
                                          {{std::chrono::duration<double>(age).count()}})};
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
