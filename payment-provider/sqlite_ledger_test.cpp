#include "payment-provider/sqlite_ledger.h"

#include <SQLiteCpp/Database.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/base/unavailable.h"
#include "payment-provider/testing/ledger_contract.h"
#include "tests/support/service_process.h"

namespace payment_provider {
namespace {

OpenLedger new_sqlite_storage(const common::Clock& clock) {
  return [&clock, directory = std::make_shared<tests::TemporaryDirectory>()] {
    return std::make_shared<SqliteLedger>(*directory / "payments.db", clock);
  };
}

INSTANTIATE_TEST_SUITE_P(Sqlite, LedgerContract, testing::Values(new_sqlite_storage));

class SqliteLedgerTest : public testing::Test {
 protected:
  std::vector<PaymentOutcome> record(Ledger& ledger, const std::string& refusal) const {
    const PaymentOrder order{.idempotency_key = "k",
                             .invoice_id = "I1",
                             .amount = {1215, common::Currency::find("EUR").value()},
                             .refusal = refusal};
    return ledger.record({&order, 1});
  }

  const tests::FakeClock clock_;
  const tests::TemporaryDirectory directory_;
  const std::string path_ = directory_ / "payments.db";
};

TEST_F(SqliteLedgerTest, KeepsAcceptedPaymentsWhenItIsOpenedAgain) {
  {
    SqliteLedger ledger(path_, clock_);
    record(ledger, "");
  }
  SqliteLedger ledger(path_, clock_);
  EXPECT_EQ(ledger.list(0, 10).size(), 1U);
  EXPECT_EQ(record(ledger, "").at(0), (PaymentOutcome{PaymentOutcome::Kind::kAccepted, true}));
}

TEST_F(SqliteLedgerTest, KeepsRefusalsWhenItIsOpenedAgain) {
  {
    SqliteLedger ledger(path_, clock_);
    record(ledger, "no");
  }
  SqliteLedger ledger(path_, clock_);
  EXPECT_EQ(record(ledger, "").at(0), (PaymentOutcome{PaymentOutcome::Kind::kRefused, true, "no"}));
}

TEST_F(SqliteLedgerTest, IsUnavailableWithoutItsFileAndMakesNoNewOne) {
  SqliteLedger ledger(path_, clock_);
  record(ledger, "");
  std::filesystem::remove(path_);
  EXPECT_THROW(record(ledger, ""), common::Unavailable);
  EXPECT_THROW(ledger.list(0, 10), common::Unavailable);
  EXPECT_THROW(ledger.check(), common::Unavailable);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

// A row in a currency that this program does not know: written by a newer one, or by hand.
TEST_F(SqliteLedgerTest, NamesAPaymentInAnUnknownCurrencyAndDecidesOthers) {
  SqliteLedger ledger(path_, clock_);
  record(ledger, "");
  SQLite::Database(path_, SQLite::OPEN_READWRITE).exec("UPDATE payments SET currency = 'QQQ'");
  EXPECT_EQ(record(ledger, "").at(0).kind, PaymentOutcome::Kind::kKeyReused);
  const common::Money amount{1215, common::Currency::find("EUR").value()};
  const std::vector<PaymentOrder> orders = {{"k1", "I1", amount, ""}, {"k2", "I2", amount, ""}};
  const auto outcomes = ledger.record(orders);
  EXPECT_EQ(outcomes.at(0).kind, PaymentOutcome::Kind::kAmountMismatch);
  EXPECT_EQ(outcomes.at(1).kind, PaymentOutcome::Kind::kAccepted);
  try {
    ledger.list(0, 10);
    ADD_FAILURE() << "a list without the payment, or with a wrong amount";
  } catch (const common::Unavailable& error) {
    EXPECT_STREQ(error.what(),
                 "the payment of invoice I1 is in the currency QQQ, which this program does not "
                 "know");
  }
}

}  // namespace
}  // namespace payment_provider
