// The public API of invoice-app: from HTTP and JSON to the store and the use case, and back.

#ifndef INVOICE_APP_ROUTES_H_
#define INVOICE_APP_ROUTES_H_

#include "common/byte_budget.h"
#include "common/group_commit.h"
#include "common/http_router.h"
#include "invoice-app/invoice_store.h"
#include "invoice-app/pay_invoices.h"

namespace invoice_app {

// Thread-safe, as the server calls it from many threads.
class Routes {
 public:
  // The references must outlive the routes and the routers that they are added to.
  Routes(InvoiceStore& store, PayInvoices& pay_invoices);

  void add_to(common::HttpRouter& router);

  common::HttpResponse list_invoices() const;
  common::HttpResponse add_invoices(const common::HttpRequest& request);
  common::HttpResponse pay();

 private:
  InvoiceStore& store_;
  common::ByteBudget additions_at_one_time_;  // bytes of bodies
  PayInvoices& pay_invoices_;
  // Clients that add invoices at the same time share commits.
  common::GroupCommit<std::vector<NewInvoice>, AddOutcome> additions_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_ROUTES_H_
