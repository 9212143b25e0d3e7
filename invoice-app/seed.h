// The three invoices of an empty database, for a first try.

#ifndef INVOICE_APP_SEED_H_
#define INVOICE_APP_SEED_H_

#include "invoice-app/invoice_store.h"

namespace invoice_app {

// Adds I1 12.15 EUR, I2 10.25 GBP and I3 66.13 DKK if the store has no invoice. Replicas that start
// together may all do it: an invoice that exists with the same amount is not added again.
void seed(InvoiceStore& store);

}  // namespace invoice_app

#endif  // INVOICE_APP_SEED_H_
