#include "invoice-app/postgres_invoice_store.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/storage/postgres_fixture.h"
#include "invoice-app/testing/invoice_store_contract.h"
#include "tests/support/postgres_server.h"

namespace invoice_app {
namespace {

OpenInvoiceStore stores_on(const std::string& url, PostgresInvoiceStoreOptions options = {}) {
  return [url, options] { return std::make_shared<PostgresInvoiceStore>(url, options); };
}

OpenInvoiceStore new_storage() { return stores_on(tests::shared_postgres().create_database()); }

OpenInvoiceStore new_storage_without_skip_locked() {
  return stores_on(tests::shared_postgres().create_database(), {.skip_locked = false});
}

OpenInvoiceStore new_storage_through_pgbouncer() {
  static const tests::PgBouncer pgbouncer(tests::shared_postgres());
  return stores_on(pgbouncer.url(tests::shared_postgres().create_database()));
}

INSTANTIATE_TEST_SUITE_P(Postgres, InvoiceStoreContract, testing::Values(new_storage));
INSTANTIATE_TEST_SUITE_P(PostgresWithoutSkipLocked, InvoiceStoreContract,
                         testing::Values(new_storage_without_skip_locked));
INSTANTIATE_TEST_SUITE_P(PgBouncer, InvoiceStoreContract,
                         testing::Values(new_storage_through_pgbouncer));

// Like PostgresLedger.AReplayWaitsForTheStandbys: a confirmation of what is stored already.
TEST(PostgresInvoiceStore, AnAdditionOfStoredInvoicesWaitsForTheStandbys) {
  tests::PostgresServer& server = tests::shared_postgres();
  PostgresInvoiceStore store(server.create_database());
  const std::vector<std::vector<NewInvoice>> groups = {
      {{.id = "I1", .amount = {100, common::Currency::find("EUR").value()}}}};
  store.add(groups);
  common::set(server, "synchronous_standby_names", "nobody");
  common::expect_unavailable([&] { store.add(groups); });
  common::set(server, "synchronous_standby_names", "");
  EXPECT_EQ(store.add(groups).front().added, 0U);
}

}  // namespace
}  // namespace invoice_app
