// The public API: maps HTTP and JSON to the store and to PayInvoices.

#ifndef INVOICE_APP_ROUTES_H_
#define INVOICE_APP_ROUTES_H_

#include <vector>

#include "common/http/cached_list.h"
#include "common/http/router.h"
#include "common/storage/group_commit.h"
#include "invoice-app/invoice_store.h"
#include "invoice-app/pay_invoices.h"

namespace invoice_app {

// Thread-safe.
class Routes {
 public:
  // The references must outlive the routes, and the routes must outlive the routers that they are
  // added to.
  Routes(InvoiceStore& store, PayInvoices& pay_invoices);

  void add_to(common::HttpRouter& router);

  void add_invoices(const common::HttpRequest& request, const common::HttpRespond& respond);
  void pay(const common::HttpRespond& respond);

 private:
  PayInvoices& pay_invoices_;
  common::CachedList list_;
  // Concurrent requests to add invoices share a commit.
  common::GroupCommit<std::vector<NewInvoice>, AddOutcome> additions_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_ROUTES_H_
