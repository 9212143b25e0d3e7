// What a power failure leaves behind, at each moment of a history of writes: everything that was
// answered is there, and nothing is there in part. And a disk that fails: nothing half-written, and
// work goes on when it is well again.

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/unavailable.h"
#include "invoice-app/sqlite_invoice_store.h"
#include "payment-provider/sqlite_ledger.h"
#include "tests/support/faulty_disk.h"
#include "tests/support/service_process.h"

namespace tests {
namespace {

constexpr int kSteps = 12;

common::Money euros(std::int64_t cents) { return {cents, common::Currency::find("EUR").value()}; }

// Both stores as the test sees them: steps that are acknowledged when they return, and all that can
// be read as one text.
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

  std::string content() {
    std::string text;
    for (const auto& entry : ledger_.list(0, 1'000'000)) text += entry.idempotency_key + ' ';
    return text;
  }

 private:
  const common::SystemClock clock_;
  payment_provider::SqliteLedger ledger_;
};

class Invoices {
 public:
  static constexpr const char* kFile = "invoices.db";

  explicit Invoices(const std::string& path) : store_(path) {}

  // Each third step adds, asks for payment, and then claims and settles in two transactions.
  void step(int number) {
    using invoice_app::Settlement;
    const std::int64_t now_ms = 1'000'000 + number;
    if (number % 4 == 0) {
      std::vector<invoice_app::NewInvoice> group;
      for (int i = 0; i < 20; ++i) {
        group.push_back({std::to_string(number) + "-" + std::to_string(i), euros(100 + i)});
      }
      store_.add({&group, 1});
    } else if (number % 4 == 1) {
      store_.request_payment();
    } else if (number % 4 == 2) {
      claims_ = store_.claim({"owner", now_ms, now_ms + 10'000}, 10);
    } else {
      std::vector<Settlement> settlements;
      for (const auto& claim : claims_) {
        settlements.push_back(
            {.kind = claim.sequence % 5 == 0 ? Settlement::Kind::kRefused : Settlement::Kind::kPaid,
             .sequence = claim.sequence,
             .attempt = claim.attempt,
             .refusal = "no"});
      }
      store_.settle("owner", settlements);
    }
  }

  std::string content() {
    std::string text;
    for (const auto& invoice : store_.list(0, 1'000'000)) {
      text += invoice.id + ':' + std::to_string(static_cast<int>(invoice.state)) + ' ';
    }
    return text;
  }

 private:
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
  std::string content;  // that was promised then
};

// The history of a store on a new disk, from its creation on.
template <typename Store>
std::vector<Acknowledged> write_history(const FaultyDisk& disk, const std::string& path) {
  std::vector<Acknowledged> history = {{0, ""}};
  Store store(path);
  for (int number = 0; number < kSteps; ++number) {
    store.step(number);
    history.push_back({disk.now(), store.content()});
  }
  return history;
}

// How many of the power failures, one at each moment, broke a promise.
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
    try {
      const std::string found = Store(directory / Store::kFile).content();
      // What was under way may be there as well, but not in part.
      const bool whole = found == promised || (after != history.end() && found == after->content);
      broken += whole && integrity(directory / Store::kFile) == "ok" ? 0 : 1;
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
  FaultyDisk disk;
  const auto history = write_history<TypeParam>(disk, this->directory_ / TypeParam::kFile);
  ASSERT_GT(disk.now(), 100U);
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    EXPECT_EQ(broken_promises<TypeParam>(disk, history, seed), 0) << "seed " << seed;
  }
}

// The test above can fail: without syncs, which is what synchronous = OFF means, it does.
TYPED_TEST(PowerLoss, WithoutSyncsTakesWhatWasAnswered) {
  FaultyDisk disk;
  disk.ignore_syncs();
  const auto history = write_history<TypeParam>(disk, this->directory_ / TypeParam::kFile);
  EXPECT_GT(broken_promises<TypeParam>(disk, history, 1), 0);
}

TYPED_TEST(PowerLoss, OfADiskThatFailsNothingIsHalfWrittenAndWorkGoesOnWhenItIsWell) {
  for (const int error : {SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC}) {
    for (std::size_t operations = 0;; ++operations) {
      const TemporaryDirectory directory;
      const std::string path = directory / TypeParam::kFile;
      FaultyDisk disk;
      TypeParam store(path);
      store.step(0);
      const std::string before = store.content();

      disk.fail_after(operations, error);
      bool failed = false;
      try {
        store.step(4);
      } catch (const common::Unavailable&) {
        failed = true;
      }
      disk.work();
      const std::string after = store.content();
      if (failed) {
        // The commit may have happened; what is there is one of the two.
        EXPECT_TRUE(after == before || TypeParam(path).content() == after);
        store.step(4);  // now it can
      }
      EXPECT_NE(store.content(), before);
      EXPECT_EQ(integrity(path), "ok");
      if (!failed) break;  // all of the step's operations have been tried
    }
  }
}

}  // namespace
}  // namespace tests
