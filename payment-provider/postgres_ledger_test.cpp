#include "payment-provider/postgres_ledger.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/storage/postgres_fixture.h"
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

PaymentOrder order(const std::string& invoice) {
  return {.idempotency_key = "pay:" + invoice + ":1",
          .invoice_id = invoice,
          .amount = {100, common::Currency::find("EUR").value()},
          .refusal = ""};
}

// A server that has lost its standbys during a commit, and has started again, shows a payment that
// a failover would lose. So a replay also waits until a standby has all that it confirms.
TEST(PostgresLedger, AReplayWaitsForTheStandbys) {
  tests::PostgresServer& server = tests::shared_postgres();
  PostgresLedger ledger(server.create_database());
  const std::vector<PaymentOrder> orders = {order("I1")};
  ledger.record(orders);
  common::set(server, "synchronous_standby_names", "nobody");
  common::expect_unavailable([&] { ledger.record(orders); });
  common::set(server, "synchronous_standby_names", "");
  EXPECT_TRUE(ledger.record(orders).front().replayed);
}

TEST(PostgresLedger, ADecisionThatWaitsForAnotherOneIsLater) {
  const std::string url = tests::shared_postgres().create_database();
  tests::FakeClock clock;
  PostgresLedger ledger(url, &clock);
  common::while_locked(
      url, "payment_counter", [&] { clock.advance(std::chrono::seconds(1)); },
      [&] { ledger.record(std::vector{order("I1")}); });
  EXPECT_EQ(ledger.find("I1").value().decided_at, clock.now());
}

TEST(PostgresLedger, DecisionsDoNotDependOnHowTheDatabaseReadsNullInArrays) {
  const std::string url = tests::shared_postgres().create_database();
  tests::PostgresServer::execute(
      url, "ALTER DATABASE " + url.substr(url.rfind('/') + 1) + " SET array_nulls = off");
  PostgresLedger ledger(url);
  PaymentOrder refused = order("I2");
  refused.refusal = "NULL";
  ledger.record(std::vector{order("I1"), refused});
  const auto entries = ledger.list(0, 10);
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries.front().invoice_id, "I1");
  EXPECT_EQ(ledger.record(std::vector{refused}).front().refusal, "NULL");
}

TEST(PostgresLedger, ReadsOnlyWhatItNeedsAlsoFromANewTable) {
  constexpr int kBatches = 20;
  constexpr int kOrders = 1'000;
  const std::string url = tests::shared_postgres().create_database();
  {
    PostgresLedger ledger(url);
    for (int batch = 0; batch < kBatches; ++batch) {
      std::vector<PaymentOrder> orders;
      for (int i = 0; i < kOrders; ++i) {
        orders.push_back(order("I" + std::to_string(batch * kOrders + i)));
      }
      ledger.record(orders);
    }
  }
  EXPECT_LT(common::rows_scanned(url, "payments", kBatches * kOrders), kBatches * kOrders);
}

}  // namespace
}  // namespace payment_provider
