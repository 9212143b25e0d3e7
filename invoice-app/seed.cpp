#include "invoice-app/seed.h"

#include <vector>

namespace invoice_app {

void seed(InvoiceStore& store) {
  if (!store.list(0, 1).empty()) return;
  const auto currency = [](const char* code) { return common::Currency::find(code).value(); };
  const std::vector<NewInvoice> invoices = {{"I1", {1215, currency("EUR")}},
                                            {"I2", {1025, currency("GBP")}},
                                            {"I3", {6613, currency("DKK")}}};
  store.add({&invoices, 1});
}

}  // namespace invoice_app
