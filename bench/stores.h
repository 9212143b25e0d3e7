// Opens the databases of the services by their URLs, as the services do.

#ifndef BENCH_STORES_H_
#define BENCH_STORES_H_

#include <memory>
#include <string>

#include "common/base/clock.h"
#include "invoice-app/invoice_store.h"
#include "payment-provider/ledger.h"
#include "tests/support/postgres_server.h"

namespace bench {

// Of a new database of the server; without one, of a file of SQLite.
std::string database_url(tests::PostgresServer* server, const std::string& file);

// They throw std::exception if the database can't be used. `clock` dates changes and payments, and
// must outlive the store.
std::unique_ptr<invoice_app::InvoiceStore> open_invoices(const std::string& url,
                                                         const common::Clock& clock);
std::unique_ptr<payment_provider::Ledger> open_ledger(const std::string& url,
                                                      const common::Clock& clock);

}  // namespace bench

#endif  // BENCH_STORES_H_
