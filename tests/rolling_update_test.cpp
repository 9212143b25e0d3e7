// Programs on files that another release has written: with a newer schema, or with rows in a
// currency that was active then. The test changes the files.

#include <SQLiteCpp/Database.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "tests/support/api.h"
#include "tests/support/end_to_end_fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/service_process.h"

namespace tests {
namespace {

// Adds and pays invoices until stop(), in rounds.
class Client {
 public:
  explicit Client(const std::string& url) : thread_([this, url] { run(url); }) {}
  ~Client() { stop(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Waits until it has paid more invoices; false if it has failed.
  bool continues() const {
    const int begun = rounds_ + 1;  // a round that began before this call does not count
    return eventually([&] { return rounds_ > begun || has_ended_; }) && !has_ended_;
  }
  // Returns what failed; "" if nothing did.
  std::string stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    return error_;
  }

 private:
  void run(const std::string& url) {
    try {
      for (; !stopping_; ++rounds_) {
        add_invoices(url, "R" + std::to_string(rounds_) + "-", 50);
        expect_status(patient_client(url).post("/invoices/pay", {}, "", ""), 200);
      }
    } catch (const std::exception& error) {
      error_ = error.what();
    }
    has_ended_ = true;
  }

  std::atomic<int> rounds_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> has_ended_ = false;
  std::string error_;
  std::thread thread_;
};

class RollingUpdate : public EndToEnd {
 protected:
  RollingUpdate() {
    for (auto& provider : providers_) provider = start_provider();
    for (std::size_t i = 0; i < 2; ++i) apps_[i] = start_invoice_app(providers_[i]->url());
  }

  // As a newer program does.
  void change(const std::string& name, const std::string& sql) const {
    SQLite::Database file(directory_ / (name + ".db"), SQLite::OPEN_READWRITE, 60'000);
    file.exec("BEGIN IMMEDIATE; " + sql + "; COMMIT");
  }
  int user_version(const std::string& name) const {
    SQLite::Database file(directory_ / (name + ".db"), SQLite::OPEN_READWRITE, 60'000);
    return file.execAndGet("PRAGMA user_version").getInt();
  }
  static common::HttpResult readiness(const ServiceProcess& process) {
    return patient_client(process.admin_url()).get("/readyz");
  }

  std::unique_ptr<ServiceProcess> providers_[2];
  std::unique_ptr<ServiceProcess> apps_[2];
};

TEST_F(RollingUpdate, OlderProgramsRunAndStartOnANewerSchemaThatOnlyAdds) {
  Client client(apps_[1]->url());
  EXPECT_TRUE(client.continues());
  constexpr int kNewer = 9;
  const std::string to_newer = "; PRAGMA user_version = " + std::to_string(kNewer);
  change("payments", "ALTER TABLE payments ADD COLUMN note TEXT" + to_newer);
  change("invoices",
         "ALTER TABLE invoices ADD COLUMN priority INTEGER NOT NULL DEFAULT 0; "
         "CREATE INDEX by_priority ON invoices (priority)" +
             to_newer);
  EXPECT_TRUE(client.continues());
  change("invoices",
         "INSERT INTO invoices (id, amount_minor, currency, priority) "
         "VALUES ('newer', 7, 'EUR', 9)");
  EXPECT_TRUE(client.continues());

  // "rollout undo": the older programs start again.
  EXPECT_EQ(providers_[0]->stop(), 0);
  EXPECT_EQ(apps_[0]->stop(), 0);
  providers_[0] = start_provider();
  apps_[0] = start_invoice_app(providers_[0]->url());
  EXPECT_TRUE(client.continues());
  EXPECT_EQ(client.stop(), "");

  for (const auto& process : {&providers_[0], &providers_[1], &apps_[0], &apps_[1]}) {
    expect_status(readiness(**process), 200);
  }
  EXPECT_TRUE(all_get_paid(apps_[0]->url()));
  EXPECT_EQ(difference(invoices(*apps_[0]), payments(*providers_[0])), "");
  EXPECT_EQ(invoices(*apps_[0]), invoices(*apps_[1]));
  for (const char* name : {"invoices", "payments"}) EXPECT_EQ(user_version(name), kNewer);
}

TEST_F(RollingUpdate, ASchemaForNewerProgramsOnlyStopsOlderOnes) {
  constexpr int kVersion9ForPrograms8 = 8 * 65536 + 9;
  for (const std::string name : {"invoices", "payments"}) {
    change(name, "PRAGMA user_version = " + std::to_string(kVersion9ForPrograms8));
  }
  const std::string reason =
      "has schema version 9, for programs that know version 8 or later; this program knows "
      "version ";
  for (const auto& process : {&providers_[0], &providers_[1], &apps_[0], &apps_[1]}) {
    EXPECT_NE(expect_status(readiness(**process), 503).body.find(reason), std::string::npos);
  }
  for (const auto& [name, binary] : {std::pair{"invoices", INVOICE_APP_BINARY},
                                     std::pair{"payments", PAYMENT_PROVIDER_BINARY}}) {
    ServiceProcess process(binary, {{"DATABASE_URL", database(name)}}, directory_ / "refused.log");
    EXPECT_EQ(process.wait(), 1);
    EXPECT_NE(process.log().find(reason), std::string::npos) << process.log();
    EXPECT_EQ(user_version(name), kVersion9ForPrograms8);
  }
}

TEST_F(RollingUpdate, ARowInAWithdrawnCurrencyIsListedAndHoldsUpNoPayment) {
  const ServiceProcess& app = *apps_[0];
  change("invoices", "UPDATE invoices SET currency = 'BGN' WHERE id = 'I2'");
  json expected = kSeedUnpaid;
  expected[1]["Currency"] = "BGN";
  EXPECT_EQ(invoices(app), expected);

  expect_status(pay(app), 502);
  expected = all_paid(expected);
  expected[1]["IsPaid"] = false;
  EXPECT_EQ(invoices(app), expected);
  EXPECT_EQ(attempts(app, "paid"), 2);
  EXPECT_EQ(attempts(app, "refused"), 1);
  EXPECT_EQ(payments(*providers_[0]).size(), 2U);
}

}  // namespace
}  // namespace tests
