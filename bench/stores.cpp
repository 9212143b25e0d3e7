#include "bench/stores.h"

#include "common/storage/database_url.h"
#include "invoice-app/postgres_invoice_store.h"
#include "invoice-app/sqlite_invoice_store.h"
#include "payment-provider/postgres_ledger.h"
#include "payment-provider/sqlite_ledger.h"

namespace bench {

using common::DatabaseUrl;

std::string database_url(tests::PostgresServer* server, const std::string& file) {
  return server == nullptr ? "sqlite:" + file : server->create_database();
}

std::unique_ptr<invoice_app::InvoiceStore> open_invoices(const std::string& url,
                                                         const common::Clock& clock) {
  const auto database = DatabaseUrl::parse(url).value();
  if (database.kind == DatabaseUrl::Kind::kPostgres) {
    return std::make_unique<invoice_app::PostgresInvoiceStore>(
        database.location, invoice_app::PostgresInvoiceStoreOptions{.clock = &clock});
  }
  return std::make_unique<invoice_app::SqliteInvoiceStore>(database.location, clock);
}

std::unique_ptr<payment_provider::Ledger> open_ledger(const std::string& url,
                                                      const common::Clock& clock) {
  const auto database = DatabaseUrl::parse(url).value();
  if (database.kind == DatabaseUrl::Kind::kPostgres) {
    return std::make_unique<payment_provider::PostgresLedger>(database.location, &clock);
  }
  return std::make_unique<payment_provider::SqliteLedger>(database.location, clock);
}

}  // namespace bench
