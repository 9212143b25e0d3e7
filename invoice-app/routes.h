// The public API: maps HTTP and JSON to the store and to PayInvoices.

#ifndef INVOICE_APP_ROUTES_H_
#define INVOICE_APP_ROUTES_H_

#include <chrono>
#include <cstddef>

#include "common/base/byte_budget.h"
#include "common/http/limits.h"
#include "common/http/router.h"
#include "common/storage/group_commit.h"
#include "invoice-app/invoice_store.h"
#include "invoice-app/pay_invoices.h"

namespace invoice_app {

// For the bodies of POST /invoices; see common/http/limits.h.
struct AddLimits {
  std::size_t bytes_in_progress = common::kMaxInvoicesBytesInProgress;
  std::chrono::milliseconds timeout = common::kInvoicesBytesTimeout;
};

// Thread-safe.
class Routes {
 public:
  // The references must outlive the routes, and the routes must outlive the routers that they are
  // added to.
  Routes(InvoiceStore& store, PayInvoices& pay_invoices, const AddLimits& limits = {});

  void add_to(common::HttpRouter& router);

  common::HttpResponse list_invoices() const;
  common::HttpResponse add_invoices(const common::HttpRequest& request);
  common::HttpResponse pay();

 private:
  InvoiceStore& store_;
  common::ByteBudget bytes_in_progress_;
  PayInvoices& pay_invoices_;
  // Concurrent requests to add invoices share a commit.
  common::GroupCommit<std::vector<NewInvoice>, AddOutcome> additions_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_ROUTES_H_
