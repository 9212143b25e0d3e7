// Power failures at each moment of a history of writes: acknowledged steps survive completely, and
// no step survives in part. Disk errors: a step is written completely or not at all, and the stores
// work again after the disk is repaired.

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/base/unavailable.h"
#include "invoice-app/sqlite_invoice_store.h"
#include "payment-provider/sqlite_ledger.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_disk.h"
#include "tests/support/service_process.h"

namespace tests {
namespace {

constexpr int kSteps = 12;

common::Money euros(std::int64_t cents) { return {cents, common::Currency::find("EUR").value()}; }

// The rows of all tables of a database, as text.
std::string content(const std::string& path) {
  SQLite::Database database(path, SQLite::OPEN_READWRITE);
  SQLite::Statement tables(database,
                           "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
  std::string text;
  while (tables.executeStep()) {
    const std::string table = tables.getColumn(0).getString();
    text += table + ":\n";
    SQLite::Statement rows(database, "SELECT * FROM " + table + " ORDER BY rowid");
    while (rows.executeStep()) {
      for (int i = 0; i < rows.getColumnCount(); ++i) text += rows.getColumn(i).getString() + ' ';
      text += '\n';
    }
  }
  return text;
}

// The test uses both stores through the same functions: a constructor that opens a file, and
// step(), which is acknowledged when it returns.
class Ledger {
 public:
  static constexpr const char* kFile = "payments.db";

  explicit Ledger(const std::string& path) : ledger_(path, clock_) {}

  void step(int number) {
    std::vector<payment_provider::PaymentOrder> orders;
    for (int i = 0; i <= number; ++i) {
      const std::string id = std::to_string(number) + "-" + std::to_string(i);
      orders.push_back({.idempotency_key = "pay:" + id + ":1",
                        .invoice_id = id,
                        .amount = euros(100 + i),
                        .refusal = i % 3 == 2 ? "no" : ""});
    }
    ledger_.record(orders);
  }

 private:
  const FakeClock clock_;  // constant, so the same steps give the same content
  payment_provider::SqliteLedger ledger_;
};

class Invoices {
 public:
  static constexpr const char* kFile = "invoices.db";

  explicit Invoices(const std::string& path) : store_(path, clock_) {}

  // In rotation: adds invoices, requests payment, claims, settles.
  void step(int number) {
    using invoice_app::Settlement;
    const common::WallTime now{std::chrono::milliseconds(1'000'000 + number)};
    if (number % 4 == 0) {
      std::vector<invoice_app::NewInvoice> group;
      for (int i = 0; i < 20; ++i) {
        group.push_back({std::to_string(number) + "-" + std::to_string(i), euros(100 + i)});
      }
      store_.add({&group, 1});
    } else if (number % 4 == 1) {
      store_.write("request", [](auto& changes) { changes.request_payment(); });
    } else if (number % 4 == 2) {
      store_.write("claim", [&](auto& changes) {
        claims_ = changes.claim({"owner", now, now + std::chrono::seconds(10)}, 10);
      });
    } else {
      std::vector<Settlement> settlements;
      for (const auto& claim : claims_) {
        settlements.push_back(
            {.kind = claim.sequence % 5 == 0 ? Settlement::Kind::kRefused : Settlement::Kind::kPaid,
             .sequence = claim.sequence,
             .attempt = claim.attempt,
             .refusal = "no"});
      }
      store_.write("settle", [&](auto& changes) { changes.settle("owner", settlements); });
    }
  }

 private:
  const FakeClock clock_;
  invoice_app::SqliteInvoiceStore store_;
  std::vector<invoice_app::Claim> claims_;
};

std::string integrity(const std::filesystem::path& file) {
  SQLite::Database database(file.string(), SQLite::OPEN_READWRITE);
  SQLite::Statement query(database, "PRAGMA integrity_check");
  query.executeStep();
  return query.getColumn(0).getString();
}

struct Acknowledged {
  std::size_t moment;
  std::string content;  // of the database at that moment
};

// Runs all steps on a new store. Returns the content after its creation and after each step.
template <typename Store>
std::vector<Acknowledged> write_history(const FaultyDisk& disk, const std::string& path) {
  Store store(path);
  std::vector<Acknowledged> history = {{0, content(path)}};  // after the creation
  for (int number = 0; number < kSteps; ++number) {
    store.step(number);
    history.push_back({disk.now(), content(path)});
  }
  return history;
}

// Simulates a power failure at each moment. Returns the number of failures that broke a promise.
template <typename Store>
int broken_promises(const FaultyDisk& disk, const std::vector<Acknowledged>& history,
                    std::uint64_t seed) {
  std::mt19937_64 random(seed);
  int broken = 0;
  for (std::size_t moment = 0; moment <= disk.now(); ++moment) {
    const TemporaryDirectory directory;
    disk.restore(moment, random, directory / "");
    const auto after = std::find_if(history.begin(), history.end(),
                                    [&](const auto& step) { return step.moment > moment; });
    const std::string& promised = std::prev(after)->content;
    const std::string path = directory / Store::kFile;
    try {
      Store{path};  // like a start after the failure: rolls back, migrates
      const std::string found = content(path);
      // A step that was not acknowledged may survive completely, but not in part.
      const bool whole = found == promised || (after != history.end() && found == after->content);
      broken += whole && integrity(path) == "ok" ? 0 : 1;
    } catch (const std::exception&) {
      ++broken;
    }
  }
  return broken;
}

template <typename Store>
class PowerLoss : public testing::Test {
 protected:
  const TemporaryDirectory directory_;
};

using Stores = testing::Types<Ledger, Invoices>;
TYPED_TEST_SUITE(PowerLoss, Stores);

TYPED_TEST(PowerLoss, TakesNothingThatWasAnsweredAndLeavesNothingInPart) {
  const FaultyDisk disk(this->directory_ / "");
  const auto history = write_history<TypeParam>(disk, this->directory_ / TypeParam::kFile);
  ASSERT_GT(disk.now(), 100U);
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    EXPECT_EQ(broken_promises<TypeParam>(disk, history, seed), 0) << "seed " << seed;
  }
}

// Proves that the test above can fail: without syncs (synchronous = OFF) it does.
TYPED_TEST(PowerLoss, WithoutSyncsTakesWhatWasAnswered) {
  FaultyDisk disk(this->directory_ / "");
  disk.ignore_syncs();
  const auto history = write_history<TypeParam>(disk, this->directory_ / TypeParam::kFile);
  ASSERT_GT(disk.now(), 100U);
  EXPECT_GT(broken_promises<TypeParam>(disk, history, 1), 0);
}

// The content before and after a step on a disk without errors.
template <typename Store>
std::pair<std::string, std::string> around_a_step(const std::string& path) {
  Store store(path);
  store.step(0);
  const std::string before = content(path);
  store.step(4);
  return {before, content(path)};
}

TYPED_TEST(PowerLoss, OfADiskThatFailsNothingIsHalfWrittenAndWorkGoesOnWhenItIsWell) {
  const auto [before, complete] = around_a_step<TypeParam>(this->directory_ / "well.db");
  ASSERT_NE(before, complete);
  for (const int error : {SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC}) {
    bool failed = true;
    std::size_t operations = 0;
    for (; failed; ++operations) {  // until each operation of the step has failed once
      const TemporaryDirectory directory;
      const std::string path = directory / TypeParam::kFile;
      FaultyDisk disk(directory / "");
      TypeParam store(path);
      store.step(0);

      disk.fail_after(operations, error);
      try {
        store.step(4);
        failed = false;
      } catch (const common::Unavailable&) {
      }
      disk.work();
      const std::string after = content(path);
      // A commit that reported an error may still be complete.
      EXPECT_TRUE(after == complete || (failed && after == before)) << operations << after;
      if (failed) store.step(4);  // works after the repair
      EXPECT_EQ(content(path), complete);
      EXPECT_EQ(integrity(path), "ok");
    }
    EXPECT_GT(operations, 4U);
  }
}

}  // namespace
}  // namespace tests
