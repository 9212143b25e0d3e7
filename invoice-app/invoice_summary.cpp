#include "invoice-app/invoice_summary.h"

#include <utility>

#include "invoice-app/invoice_json.h"

namespace invoice_app {

std::vector<InvoiceSummary::Row> InvoiceSummary::list(std::int64_t after, std::size_t) {
  if (after > 0) return {};
  std::vector<Row> rows;
  for (InvoiceTotal& total : store_.totals()) {
    if (rows.empty() || rows.back().total.currency != total.currency) {
      for (const auto& [status, state] : kStatuses) {
        const auto sequence = static_cast<std::int64_t>(rows.size() + 1);
        rows.push_back({sequence, {total.currency, state, 0, {}}});
      }
    }
    const std::size_t first = rows.size() - kStatuses.size();
    rows[first + static_cast<std::size_t>(total.state)].total = std::move(total);
  }
  return rows;
}

}  // namespace invoice_app
