#include "invoice-app/postgres_invoice_store.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/storage/postgres_fixture.h"
#include "invoice-app/testing/invoice_store_contract.h"
#include "tests/support/eventually.h"
#include "tests/support/postgres_server.h"

namespace invoice_app {
namespace {

using namespace std::chrono_literals;

OpenInvoiceStore stores_on(const std::string& url, PostgresInvoiceStoreOptions options) {
  return [url, options] { return std::make_shared<PostgresInvoiceStore>(url, options); };
}

OpenInvoiceStore new_storage(const common::Clock& clock) {
  return stores_on(tests::shared_postgres().create_database(), {.clock = &clock});
}

OpenInvoiceStore new_storage_without_skip_locked(const common::Clock& clock) {
  return stores_on(tests::shared_postgres().create_database(),
                   {.skip_locked = false, .clock = &clock});
}

OpenInvoiceStore new_storage_through_pgbouncer(const common::Clock& clock) {
  static const tests::PgBouncer pgbouncer(tests::shared_postgres());
  return stores_on(pgbouncer.url(tests::shared_postgres().create_database()), {.clock = &clock});
}

INSTANTIATE_TEST_SUITE_P(Postgres, InvoiceStoreContract, testing::Values(new_storage));
INSTANTIATE_TEST_SUITE_P(PostgresWithoutSkipLocked, InvoiceStoreContract,
                         testing::Values(new_storage_without_skip_locked));
INSTANTIATE_TEST_SUITE_P(PgBouncer, InvoiceStoreContract,
                         testing::Values(new_storage_through_pgbouncer));

// A request locks its rows one by one. Another replica's refusal can be committed in between.
TEST(PostgresInvoiceStore, AnInvoiceThatIsRefusedDuringARequestWasDue) {
  const std::string url = tests::shared_postgres().create_database();
  PostgresInvoiceStore store(url, {.skip_locked = false});
  tests::PostgresServer::execute(
      url,
      "INSERT INTO invoices (sequence, id, amount_minor, currency, state, claimable_at_ms, "
      "lease_owner) VALUES (1, 'sending', 1, 'EUR', 1, 9000000000000, 'other'), "
      "(2, 'retried later', 1, 'EUR', 1, 9000000000000, NULL);"
      "UPDATE invoice_counter SET last = 2");
  common::PostgresConnection other{common::PostgresParameters(url)};
  other.set_deadline(std::chrono::steady_clock::now() + tests::kPatience);
  other.run_all(
      "BEGIN; UPDATE invoices SET state = 3, lease_owner = NULL, refusal = 'no' "
      "WHERE sequence = 1; SELECT 1 FROM invoices WHERE sequence = 2 FOR UPDATE");
  PayRun run{};
  std::thread request([&] {
    store.write("request",
                [&](InvoiceTransaction& transaction) { run = transaction.request_payment(); });
  });
  EXPECT_TRUE(
      tests::eventually([&] { return common::connections(url, "wait_event_type = 'Lock'") == 1; }));
  other.run_all("COMMIT");
  request.join();
  EXPECT_EQ(run.due, 2);
  const PayProgress progress = store.progress(run);
  EXPECT_EQ(progress.pending, 1);
  EXPECT_EQ(progress.refused, 1);
}

TEST(PostgresInvoiceStore, AnAdditionThatWaitsForAnotherOneIsLater) {
  const std::string url = tests::shared_postgres().create_database();
  tests::FakeClock clock;
  PostgresInvoiceStore store(url, {.clock = &clock});
  common::while_locked(
      url, "invoice_counter", [&] { clock.advance(1s); }, [&] { add(store, invoices(1, 1)); });
  EXPECT_EQ(store.find("I1").value().created_at, clock.now());
}

class OlderPrograms : public testing::Test {
 protected:
  const std::string url_ = tests::shared_postgres().create_database();
  PostgresInvoiceStore store_{url_};
  const RunSql run_sql_ = [this](const std::string& sql) {
    tests::PostgresServer::execute(url_, sql);
  };
};

TEST_F(OlderPrograms, ReleaseWhatOthersClaim) {
  expect_claim_after_older_release(store_, run_sql_);
}

TEST_F(OlderPrograms, StoreNoTimes) { expect_no_times_of_older_programs(store_, run_sql_); }

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

TEST(PostgresInvoiceStore, ReadsOnlyWhatItNeedsAlsoFromANewTable) {
  constexpr int kGroups = 20;
  constexpr int kInvoices = 1'000;
  const std::string url = tests::shared_postgres().create_database();
  {
    PostgresInvoiceStore store(url);
    for (int group = 0; group < kGroups; ++group) {
      std::vector<std::vector<NewInvoice>> groups(1);
      for (int i = 0; i < kInvoices; ++i) {
        groups[0].push_back({.id = "I" + std::to_string(group * kInvoices + i),
                             .amount = {100, common::Currency::find("EUR").value()}});
      }
      store.add(groups);
    }
  }
  EXPECT_LT(common::rows_scanned(url, "invoices", kGroups * kInvoices), kGroups * kInvoices);
}

}  // namespace
}  // namespace invoice_app
