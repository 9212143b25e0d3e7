// The public API of invoice-app: from HTTP and JSON to the store and the use case, and back.

#ifndef INVOICE_APP_ROUTES_H_
#define INVOICE_APP_ROUTES_H_

#include <chrono>
#include <cstddef>

#include "common/base/byte_budget.h"
#include "common/http/router.h"
#include "common/storage/group_commit.h"
#include "invoice-app/invoice_store.h"
#include "invoice-app/pay_invoices.h"

namespace invoice_app {

// What is worked on at one time of the bodies that add invoices. One of 1 MiB can become more than
// 20 MiB of JSON values, or more than 20,000 rows.
struct AddLimits {
  std::size_t bytes_at_one_time = 4 * 1024 * 1024;
  std::chrono::milliseconds longest_wait{10'000};  // for one's turn; after it, Unavailable
};

// Thread-safe, as the server calls it from many threads.
class Routes {
 public:
  // The references must outlive the routes and the routers that they are added to.
  Routes(InvoiceStore& store, PayInvoices& pay_invoices, const AddLimits& limits = {});

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
