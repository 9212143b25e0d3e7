#include "invoice-app/invoice_metrics.h"

#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <chrono>
#include <string>
#include <vector>

#include "common/base/unavailable.h"
#include "invoice-app/testing/fake_invoice_store.h"
#include "invoice-app/testing/single_writes.h"
#include "tests/support/fake_clock.h"

namespace invoice_app {
namespace {

using namespace std::chrono_literals;
using Call = FakeInvoiceStore::Call;

class InvoiceMetricsTest : public testing::Test {
 protected:
  std::string text() { return prometheus::TextSerializer().Serialize(metrics_.read()); }
  bool has(const std::string& line) { return text().find("\n" + line + "\n") != std::string::npos; }
  void add(const std::string& id, const char* currency) {
    const std::vector<NewInvoice> group = {{id, {100, common::Currency::find(currency).value()}}};
    store_.add({&group, 1});
  }

  tests::FakeClock clock_;
  FakeInvoiceStore store_{clock_};
  InvoiceMetrics metrics_{store_, clock_};
};

TEST_F(InvoiceMetricsTest, CountInvoicesByCurrencyAndStatus) {
  add("a", "EUR");
  request_payment(store_);
  claim_due(store_, {"owner", clock_.now(), clock_.now() + 10s}, 1);
  for (const char* id : {"b", "c"}) add(id, "EUR");
  add("d", "JPY");
  EXPECT_TRUE(has(R"(invoice_app_invoices{currency="EUR",status="unpaid"} 2)")) << text();
  EXPECT_TRUE(has(R"(invoice_app_invoices{currency="EUR",status="sending"} 1)"));
  EXPECT_TRUE(has(R"(invoice_app_invoices{currency="EUR",status="paid"} 0)"));
  EXPECT_TRUE(has(R"(invoice_app_invoices{currency="JPY",status="unpaid"} 1)"));
  EXPECT_TRUE(has(R"(invoice_app_invoices{currency="JPY",status="refused"} 0)"));
}

TEST_F(InvoiceMetricsTest, TheAgeGrowsWhileAnInvoiceIsDue) {
  const std::string age = "invoice_app_oldest_due_invoice_age_seconds ";
  add("a", "EUR");
  EXPECT_TRUE(has(age + "0")) << text();
  clock_.advance(1h);
  request_payment(store_);
  clock_.advance(90s);
  EXPECT_TRUE(has(age + "90")) << text();
  clock_.advance(-2h);
  EXPECT_TRUE(has(age + "0")) << text();
}

TEST_F(InvoiceMetricsTest, HaveTheLastAuditIfThereWasOne) {
  EXPECT_EQ(text().find("audit"), std::string::npos);
  const common::WallTime end{1'700'000'000'500ms};
  store_.record_audit({end - 1s, end, {0, 0, 7, 0, 1}});
  EXPECT_TRUE(has("invoice_app_audit_last_completion_timestamp_seconds 1700000000.5")) << text();
  EXPECT_TRUE(has(R"(invoice_app_audit_differences{kind="PaidWithoutPayment"} 0)"));
  EXPECT_TRUE(has(R"(invoice_app_audit_differences{kind="PaymentOfUnpaidInvoice"} 7)"));
  EXPECT_TRUE(has(R"(invoice_app_audit_differences{kind="PaidTwice"} 1)"));
}

TEST_F(InvoiceMetricsTest, InvoicesAreCountedAgainOnlyAfterAChange) {
  text();
  text();
  EXPECT_EQ(store_.calls(Call::kTotals), 1);
  add("a", "EUR");
  EXPECT_TRUE(has(R"(invoice_app_invoices{currency="EUR",status="unpaid"} 1)"));
  EXPECT_EQ(store_.calls(Call::kTotals), 2);
}

TEST_F(InvoiceMetricsTest, ThereAreNoneWhileTheStoreFails) {
  for (const Call call : {Call::kTotals, Call::kDueSince, Call::kLastAudit}) {
    add("a" + std::to_string(static_cast<int>(call)), "EUR");
    store_.fail(call);
    for (int i = 0; i < 2; ++i) EXPECT_THROW(metrics_.read(), common::Unavailable);
    store_.repair();
    EXPECT_NE(text(), "");
  }
}

}  // namespace
}  // namespace invoice_app
