// The public API: maps HTTP and JSON to the store, PayInvoices and PayAndWatch.

#ifndef INVOICE_APP_ROUTES_H_
#define INVOICE_APP_ROUTES_H_

#include <string>
#include <vector>

#include "common/http/cached_list.h"
#include "common/http/router.h"
#include "common/metrics/commits.h"
#include "common/storage/group_commit.h"
#include "invoice-app/invoice_store.h"
#include "invoice-app/invoice_summary.h"
#include "invoice-app/pay_and_watch.h"
#include "invoice-app/pay_invoices.h"

namespace invoice_app {

// Thread-safe.
class Routes {
 public:
  // `add_commits` observes the commits that add invoices. The references must outlive the routes,
  // and the routes must outlive the routers that they are added to.
  Routes(InvoiceStore& store, PayInvoices& pay_invoices, PayAndWatch& pay_and_watch,
         common::CommitMetrics add_commits);

  void add_to(common::HttpRouter& router);

  void add_invoices(const common::HttpRequest& request, const common::HttpRespond& respond);
  void pay(const common::HttpRequest& request, const common::HttpRespond& respond);
  void pay_one(const std::string& id, const common::HttpRespond& respond);
  common::HttpResponse list(const common::HttpRequest& request);

 private:
  InvoiceStore& store_;
  PayInvoices& pay_invoices_;
  PayAndWatch& pay_and_watch_;
  common::CachedList list_;
  InvoiceSummary summary_rows_;
  common::CachedList summary_;
  // Concurrent requests to add invoices share a commit.
  common::GroupCommit<std::vector<NewInvoice>, AddOutcome> additions_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_ROUTES_H_
