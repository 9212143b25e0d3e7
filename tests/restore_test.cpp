// The drill of docs/backup.md: "--backup" of services under load, payments that go on after a
// restore, and the audit.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "tests/support/api.h"
#include "tests/support/backup_fixture.h"
#include "tests/support/eventually.h"

namespace tests {
namespace {

// Adds invoices and has them paid until it is stopped. Every request must succeed.
class Load {
 public:
  static constexpr int kPerRequest = 100;  // added in one commit

  explicit Load(std::string url) : url_(std::move(url)) {}
  ~Load() { is_stopped_ = true; }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Waits for whole runs: the one in progress may have added its invoices already.
  void await_runs(int count) const {
    const int end = runs_ + 1 + count;
    ASSERT_TRUE(eventually([&] { return runs_ >= end || has_failed(); }));
  }
  // Throws if a request failed.
  void stop() {
    is_stopped_ = true;
    work_.get();
  }
  // Adds everything again, as a client does that does not know what was stored.
  void add_again(const std::string& url) const {
    for (int i = 0; i < added_; ++i) add(url, i);
  }

 private:
  bool has_failed() const {
    return work_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

  static void add(const std::string& url, int number) {
    json invoices = json::array();
    for (int i = 0; i < kPerRequest; ++i) {
      invoices.push_back({{"InvoiceId", "L" + std::to_string(number) + "-" + std::to_string(i)},
                          {"Value", 1 + i},
                          {"Currency", i % 3 == 0 ? "DKK" : "EUR"}});
    }
    const auto result = patient_client(url).post("/invoices", {}, invoices.dump());
    const auto* reply = std::get_if<common::HttpReply>(&result);
    if (reply == nullptr || reply->status >= 300) expect_status(result, 201);
  }

  void run() {
    while (!is_stopped_) {
      add(url_, added_);
      ++added_;
      expect_status(patient_client(url_).post("/invoices/pay", {}, "", ""), 200);
      ++runs_;
    }
  }

  const std::string url_;
  std::atomic<bool> is_stopped_ = false;
  std::atomic<int> added_ = 0;
  std::atomic<int> runs_ = 0;
  std::future<void> work_ = std::async(std::launch::async, [this] { run(); });
};

class Restore : public BackupFixture, public testing::WithParamInterface<DatabaseKind> {
 protected:
  Restore() : BackupFixture(GetParam()) {}
};
INSTANTIATE_TEST_SUITE_P(Of, Restore,
                         testing::Values(DatabaseKind::kSqlite, DatabaseKind::kPostgres),
                         [](const auto& test) {
                           return test.param == DatabaseKind::kSqlite ? "Sqlite" : "Postgres";
                         });

TEST_P(Restore, TheServicesPayEachInvoiceExactlyOnce) {
  auto provider = start_provider();
  auto app = start_invoice_app(provider->url(), {{"SEED_INVOICES", "false"}});
  Load load(app->url());
  load.await_runs(2);
  expect_backup("invoices");
  load.await_runs(1);  // the ledger's backup is newer
  expect_backup("payments");
  load.await_runs(1);
  load.stop();
  const json all = invoices(*app);
  const json ledger = payments(*provider);
  ASSERT_EQ(difference(all, ledger), "");
  ASSERT_EQ(app->stop(), 0);

  const auto start_restored_app = [&] {
    const Variables urls = {{"DATABASE_URL", restore("invoices")},
                            {"PAYMENT_PROVIDER_URL", provider->url()}};
    app = start_invoice_app(provider->url(), urls);
    const json restored = invoices(*app);
    EXPECT_GT(restored.size(), 0U);
    EXPECT_LT(restored.size(), all.size());
    expect_status(pay(*app), 200);
    EXPECT_EQ(invoices(*app), all_paid(restored));
    const Outcome without_invoices = run(INVOICE_APP_BINARY, {"--audit"}, urls);
    EXPECT_EQ(without_invoices.status, 1);
    for (const char* kind : {"PaidWithoutPayment", "PaymentOfUnpaidInvoice", "DifferentAmount"}) {
      EXPECT_NE(without_invoices.output.find(std::string(kind) + "\":0"), std::string::npos)
          << without_invoices.output;
    }
    load.add_again(app->url());
    expect_status(pay(*app), 200);
    EXPECT_EQ(invoices(*app), all);
    const Outcome complete = run(INVOICE_APP_BINARY, {"--audit"}, urls);
    EXPECT_EQ(complete.status, 0) << complete.output;
  };
  // Only the invoices were lost.
  start_restored_app();
  EXPECT_EQ(payments(*provider), ledger);
  ASSERT_EQ(app->stop(), 0);
  ASSERT_EQ(provider->stop(), 0);

  // Both were lost.
  provider = start_provider({{"DATABASE_URL", restore("payments")}});
  const json known = payments(*provider);
  EXPECT_LT(known.size(), ledger.size());
  start_restored_app();
  const json paid = payments(*provider);
  ASSERT_EQ(difference(all, paid), "");
  EXPECT_TRUE(std::equal(known.begin(), known.end(), paid.begin()));
}

TEST_P(Restore, ABackupIsOneStateOfADatabaseWhoseWritersGoOn) {
  const auto provider = start_provider();
  const auto app = start_invoice_app(provider->url(), {{"SEED_INVOICES", "false"}});
  Load load(app->url());
  std::set<int> sizes;
  for (int i = 0; i < 5; ++i) {
    load.await_runs(1);
    expect_backup("invoices");
    const int size = rows("invoices");
    EXPECT_EQ(size % Load::kPerRequest, 0);
    sizes.insert(size);
    std::filesystem::remove(file("invoices.backup"));
  }
  load.stop();
  EXPECT_EQ(sizes.size(), 5U);
}

}  // namespace
}  // namespace tests
