#include "payment-provider/postgres_ledger.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "payment-provider/testing/ledger_contract.h"
#include "tests/support/postgres_server.h"

namespace payment_provider {
namespace {

OpenLedger ledgers_on(const std::string& url, const common::Clock& clock) {
  return [url, &clock] { return std::make_shared<PostgresLedger>(url, &clock); };
}

OpenLedger new_storage(const common::Clock& clock) {
  return ledgers_on(tests::shared_postgres().create_database(), clock);
}

OpenLedger new_storage_through_pgbouncer(const common::Clock& clock) {
  static const tests::PgBouncer pgbouncer(tests::shared_postgres());
  return ledgers_on(pgbouncer.url(tests::shared_postgres().create_database()), clock);
}

INSTANTIATE_TEST_SUITE_P(Postgres, LedgerContract, testing::Values(new_storage));
INSTANTIATE_TEST_SUITE_P(PgBouncer, LedgerContract, testing::Values(new_storage_through_pgbouncer));

}  // namespace
}  // namespace payment_provider
