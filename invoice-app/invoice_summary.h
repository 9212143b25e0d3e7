// The counts and sums of GET /summary, by currency and state.

#ifndef INVOICE_APP_INVOICE_SUMMARY_H_
#define INVOICE_APP_INVOICE_SUMMARY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "invoice-app/invoice_store.h"

namespace invoice_app {

// As CachedList reads it. Thread-safe.
class InvoiceSummary {
 public:
  struct Row {
    std::int64_t sequence;
    InvoiceTotal total;
  };

  // `store` must outlive this.
  explicit InvoiceSummary(InvoiceStore& store) : store_(store) {}

  std::optional<std::uint64_t> version() { return store_.version(); }
  std::optional<std::uint64_t> committed_version() { return store_.committed_version(); }
  // All rows are in the first page. A currency that any invoice has, has all states.
  std::vector<Row> list(std::int64_t after, std::size_t limit);

 private:
  InvoiceStore& store_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_INVOICE_SUMMARY_H_
