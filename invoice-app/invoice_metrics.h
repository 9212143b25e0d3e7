// The metrics of the stored invoices, which QueriedMetrics reads. Not thread-safe.

#ifndef INVOICE_APP_INVOICE_METRICS_H_
#define INVOICE_APP_INVOICE_METRICS_H_

#include <cstdint>
#include <optional>

#include "common/base/clock.h"
#include "common/metrics/family.h"
#include "invoice-app/invoice_store.h"

namespace invoice_app {

class InvoiceMetrics {
 public:
  // `clock` is that of the store. The references must outlive this.
  InvoiceMetrics(InvoiceStore& store, const common::Clock& clock) : store_(store), clock_(clock) {}

  // Reads all invoices, unless the store knows that none has changed. Throws common::Unavailable.
  common::MetricFamilies read();

 private:
  prometheus::MetricFamily count_invoices();

  InvoiceStore& store_;
  const common::Clock& clock_;
  std::optional<std::uint64_t> version_;  // of the store, when invoices_ was read
  prometheus::MetricFamily invoices_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_INVOICE_METRICS_H_
