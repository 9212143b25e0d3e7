#include "invoice-app/sqlite_invoice_store.h"

#include <SQLiteCpp/Database.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "common/base/unavailable.h"
#include "invoice-app/testing/invoice_store_contract.h"
#include "invoice-app/testing/single_writes.h"
#include "tests/support/fake_clock.h"
#include "tests/support/service_process.h"

namespace invoice_app {
namespace {

OpenInvoiceStore new_sqlite_storage(const common::Clock& clock) {
  return [&clock, directory = std::make_shared<tests::TemporaryDirectory>()] {
    return std::make_shared<SqliteInvoiceStore>(*directory / "invoices.db", clock);
  };
}

INSTANTIATE_TEST_SUITE_P(Sqlite, InvoiceStoreContract, testing::Values(new_sqlite_storage));

class SqliteInvoiceStoreTest : public testing::Test {
 protected:
  std::string path(const std::string& name = "invoices.db") const { return directory_ / name; }

  static void add(InvoiceStore& store, const std::string& id) {
    const std::vector<NewInvoice> group = {{id, {100, common::Currency::find("EUR").value()}}};
    store.add({&group, 1});
  }

  int run_sql(const std::string& sql) const {
    SQLite::Database database(path(), SQLite::OPEN_READWRITE);
    return database.execAndGet(sql).getInt();
  }

  void change(const std::string& sql) const {
    SQLite::Database(path(), SQLite::OPEN_READWRITE).exec(sql);
  }

  const tests::TemporaryDirectory directory_;
  const tests::FakeClock clock_;
};

TEST_F(SqliteInvoiceStoreTest, KeepsEverythingWhenItIsOpenedAgain) {
  using namespace std::chrono_literals;
  const common::WallTime now(1'000s);
  std::int64_t through = 0;
  {
    SqliteInvoiceStore store(path(), clock_);
    for (const char* id : {"held", "refused", "waits"}) add(store, id);
    through = request_payment(store).through;
    const auto claims = claim_due(store, {"a", now, now + 10s}, 2);
    const std::vector<Settlement> refused = {{.kind = Settlement::Kind::kRefused,
                                              .sequence = claims[1].sequence,
                                              .attempt = 1,
                                              .refusal = "payments in EUR are not accepted"}};
    settle(store, "a", refused);
  }
  SqliteInvoiceStore store(path(), clock_);
  const PayProgress progress = store.progress({.through = through, .due = 3});
  EXPECT_EQ(progress.pending, 2);
  EXPECT_EQ(progress.refused, 1);
  const auto claims = claim_due(store, {"b", now + 1ms, now + 10s}, 10);
  ASSERT_EQ(claims.size(), 1U);  // the request is stored, and so is the lease
  EXPECT_EQ(claims[0].id, "waits");
  EXPECT_EQ(run_sql("SELECT count(*) FROM invoices "
                    "WHERE refusal = 'payments in EUR are not accepted'"),
            1);
}

TEST_F(SqliteInvoiceStoreTest, IsUnavailableWithoutItsFileAndMakesNoNewOne) {
  SqliteInvoiceStore store(path(), clock_);
  add(store, "I1");
  EXPECT_EQ(store.list(0, 10).size(), 1U);
  std::filesystem::rename(path(), path("moved.db"));
  EXPECT_THROW(store.list(0, 10), common::Unavailable);
  EXPECT_THROW(add(store, "I2"), common::Unavailable);
  EXPECT_THROW(store.check(), common::Unavailable);
  EXPECT_FALSE(std::filesystem::exists(path()));
  std::filesystem::rename(path("moved.db"), path());
  EXPECT_EQ(store.list(0, 10).size(), 1U);
  add(store, "I2");
}

TEST_F(SqliteInvoiceStoreTest, ReadsAndWritesTheFileThatIsThereNow) {
  SqliteInvoiceStore store(path(), clock_);
  add(store, "I1");
  std::filesystem::copy_file(path(), path("backup.db"));
  add(store, "I2");
  EXPECT_EQ(store.list(0, 10).size(), 2U);
  std::filesystem::rename(path("backup.db"), path());
  EXPECT_EQ(store.list(0, 10).size(), 1U);
  add(store, "I3");
  EXPECT_EQ(SqliteInvoiceStore(path(), clock_).list(0, 10).back().id, "I3");
}

TEST_F(SqliteInvoiceStoreTest, IsNotReadyWhenItsFileWasEmptied) {
  SqliteInvoiceStore store(path(), clock_);
  std::filesystem::resize_file(path(), 0);
  EXPECT_THROW(store.check(), common::Unavailable);
  EXPECT_EQ(std::filesystem::file_size(path()), 0U);
}

TEST_F(SqliteInvoiceStoreTest, ClaimsWhatAnOlderProgramHasReleased) {
  SqliteInvoiceStore store(path(), clock_);
  expect_claim_after_older_release(store, [this](const std::string& sql) { change(sql); });
}

TEST_F(SqliteInvoiceStoreTest, ShowsNoTimesOfOlderPrograms) {
  SqliteInvoiceStore store(path(), clock_);
  expect_no_times_of_older_programs(store, [this](const std::string& sql) { change(sql); });
}

// A row in a currency that this program does not know: written by a newer one, or by hand.
class UnknownCurrency : public SqliteInvoiceStoreTest {
 protected:
  UnknownCurrency() {
    for (const char* id : {"unknown", "known"}) add(store_, id);
    rename_currency("EUR", "QQQ");
  }

  void rename_currency(const std::string& from, const std::string& to) const {
    change("UPDATE invoices SET currency = '" + to + "' WHERE id = 'unknown' AND currency = '" +
           from + "'");
  }

  const Lease lease_{"a", common::WallTime(std::chrono::seconds(1'000)),
                     common::WallTime(std::chrono::seconds(1'010))};
  SqliteInvoiceStore store_{path(), clock_};
};

TEST_F(UnknownCurrency, IsNamedByTheListUntilAProgramKnowsIt) {
  try {
    store_.list(0, 10);
    ADD_FAILURE() << "a list without the invoice, or with a wrong amount";
  } catch (const common::Unavailable& error) {
    EXPECT_STREQ(error.what(),
                 "invoice unknown is in the currency QQQ, which this program does not know");
  }
  rename_currency("QQQ", "BGN");
  EXPECT_EQ(store_.list(0, 10).size(), 2U);
}

TEST_F(UnknownCurrency, LeavesAdditionsOfOtherInvoicesAlone) {
  const common::Money amount{100, common::Currency::find("EUR").value()};
  const std::vector<std::vector<NewInvoice>> groups = {{{"unknown", amount}}, {{"other", amount}}};
  const auto outcomes = store_.add(groups);
  EXPECT_EQ(outcomes.at(0).conflict, "unknown");
  EXPECT_EQ(outcomes.at(1).added, 1U);
}

TEST_F(UnknownCurrency, LeavesPaymentsOfOtherInvoicesAlone) {
  EXPECT_EQ(request_payment(store_).due, 2);
  std::vector<Claim> claims = claim_due(store_, lease_, 1);
  ASSERT_EQ(claims.size(), 1U);
  EXPECT_EQ(claims[0].id, "known");

  add(store_, "next");
  const std::vector<Settlement> paid = {{.kind = Settlement::Kind::kPaid,
                                         .sequence = claims[0].sequence,
                                         .attempt = claims[0].attempt}};
  store_.write("settle", [&](InvoiceTransaction& changes) {
    changes.settle("a", paid);
    changes.request_payment();
    claims = changes.claim(lease_, 10);
  });
  EXPECT_EQ(run_sql("SELECT state FROM invoices WHERE id = 'known'"), 2);
  ASSERT_EQ(claims.size(), 1U);
  EXPECT_EQ(claims[0].id, "next");
  EXPECT_FALSE(store_.is_claimable(lease_));

  rename_currency("QQQ", "BGN");
  EXPECT_EQ(claim_due(store_, lease_, 10).at(0).id, "unknown");
}

}  // namespace
}  // namespace invoice_app
