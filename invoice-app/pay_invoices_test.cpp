#include "invoice-app/pay_invoices.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <future>
#include <map>
#include <string>
#include <vector>

#include "common/log/log.h"
#include "invoice-app/seed.h"
#include "invoice-app/testing/fake_invoice_store.h"
#include "invoice-app/testing/fake_payment_gateways.h"
#include "invoice-app/testing/worker_options.h"

namespace invoice_app {
namespace {

using std::chrono::milliseconds;
using Call = FakeInvoiceStore::Call;
using Kind = PaymentAnswer::Kind;
using Rows = std::vector<FakeInvoiceStore::Row>;

constexpr milliseconds kLong = std::chrono::seconds(20);  // longer than any test should take

bool is_ready(const std::future<PayReport>& report) {
  return report.wait_for(milliseconds(0)) == std::future_status::ready;
}

class PayInvoicesTest : public testing::Test {
 protected:
  static std::future<PayReport> pay_in_background(PayInvoices& pay_invoices) {
    return std::async(std::launch::async, [&] { return pay_invoices.pay_all(); });
  }

  prometheus::Registry registry_;
  PayMetrics metrics_{registry_};
  const common::SystemClock clock_{};
  FakeInvoiceStore store_;
  FakePaymentGateways gateways_;
  PaymentWorkers workers_{store_, gateways_.factory(), clock_, metrics_, worker_options()};
  PayInvoices pay_invoices_{store_, workers_, {.longest_wait = kLong}};
};

TEST_F(PayInvoicesTest, ReportNothingWhenNothingIsDue) {
  const PayReport report = pay_invoices_.pay_all();
  EXPECT_EQ(report.paid, 0);
  EXPECT_EQ(report.refused, 0);
  EXPECT_EQ(report.pending, 0);
  EXPECT_EQ(report.provider_unavailable, std::nullopt);
  EXPECT_EQ(store_.calls(Call::kIsPending), 0);
}

TEST_F(PayInvoicesTest, PayEverythingThatIsDue) {
  store_.add_invoices(30);
  const PayReport report = pay_invoices_.pay_all();
  EXPECT_EQ(report.paid, 30);
  EXPECT_EQ(report.refused, 0);
  EXPECT_EQ(report.pending, 0);
  EXPECT_EQ(gateways_.calls(), 30);
}

TEST_F(PayInvoicesTest, WakeTheWorkersAndPassTheRequestIdOn) {
  workers_.stop();
  PaymentWorkersOptions lazy = worker_options();
  lazy.look_interval = std::chrono::hours(1);
  std::promise<std::string> request_id;
  gateways_.answer_with([&](const Claim&, int) -> PaymentAnswer {
    request_id.set_value(common::current_request_id());
    return {Kind::kPaid};
  });
  const int looks = store_.calls(Call::kClaim);
  PaymentWorkers workers(store_, gateways_.factory(), clock_, metrics_, lazy);
  ASSERT_TRUE(store_.eventually_called(Call::kClaim, looks + 1));  // at the start
  store_.add_invoices(1);
  const common::RequestIdScope scope("request-1");
  ASSERT_EQ(PayInvoices(store_, workers, {.longest_wait = kLong}).pay_all().paid, 1);
  EXPECT_EQ(request_id.get_future().get(), "request-1");
}

TEST_F(PayInvoicesTest, CountOnlyWhatWasDue) {
  store_.add_invoices(3);
  EXPECT_EQ(pay_invoices_.pay_all().paid, 3);
  EXPECT_EQ(pay_invoices_.pay_all().paid, 0);
  store_.add_invoices(2);
  EXPECT_EQ(pay_invoices_.pay_all().paid, 2);
  EXPECT_EQ(gateways_.calls(), 5);
}

TEST_F(PayInvoicesTest, ReportRefusalsAndUseANewKeyNextTime) {
  gateways_.answer_with([](const Claim& claim, int) -> PaymentAnswer {
    return {claim.id == "I2" && claim.generation == 1 ? Kind::kRefused : Kind::kPaid};
  });
  store_.add_invoices(3);
  const PayReport first = pay_invoices_.pay_all();
  EXPECT_EQ(first.paid, 2);
  EXPECT_EQ(first.refused, 1);
  EXPECT_EQ(first.pending, 0);
  EXPECT_EQ(first.provider_unavailable, std::nullopt);

  const PayReport second = pay_invoices_.pay_all();
  EXPECT_EQ(second.paid, 1);
  EXPECT_EQ(second.refused, 0);
  EXPECT_EQ(gateways_.calls_by_key(),
            (std::map<std::string, int>{
                {"pay:I1:1", 1}, {"pay:I2:1", 1}, {"pay:I2:2", 1}, {"pay:I3:1", 1}}));
}

TEST_F(PayInvoicesTest, WaitOnlyForTheInvoicesThatWereDueAtTheStart) {
  gateways_.hold();
  store_.add_invoices(3);
  auto report = pay_in_background(pay_invoices_);
  ASSERT_TRUE(gateways_.eventually_in_flight(3));
  EXPECT_FALSE(is_ready(report));
  store_.add_invoices(1);
  gateways_.let_all_continue();
  EXPECT_EQ(report.get().paid, 3);
  EXPECT_EQ(store_.row(4).invoice.state, InvoiceState::kUnpaid);
}

TEST_F(PayInvoicesTest, WaitForWhatAnotherProcessPays) {
  gateways_.hold();
  store_.add_invoices(1);
  auto report = pay_in_background(pay_invoices_);
  ASSERT_TRUE(gateways_.eventually_in_flight(1));
  const std::vector<Settlement> settlements = {
      {.kind = Settlement::Kind::kPaid, .sequence = 1, .attempt = 1}};
  store_.settle("another", settlements);
  EXPECT_EQ(report.get().paid, 1);
  EXPECT_EQ(workers_.settlements(), 0);
  gateways_.let_all_continue();
}

TEST_F(PayInvoicesTest, ReportUnfinishedInvoicesAsPendingAfterTheLongestWait) {
  PayInvoices impatient(store_, workers_, {.longest_wait = milliseconds(10)});
  gateways_.hold();
  store_.add_invoices(6);
  const PayReport report = impatient.pay_all();
  EXPECT_EQ(report.paid, 0);
  EXPECT_EQ(report.pending, 6);
  EXPECT_EQ(report.provider_unavailable, std::nullopt);
  gateways_.let_all_continue();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  EXPECT_EQ(gateways_.calls(), 6);
}

TEST_F(PayInvoicesTest, ReportWhyTheProviderFailsAndPayWhenItWorksAgain) {
  gateways_.answer_with(FakePaymentGateways::down);
  store_.add_invoices(20);
  const PayReport report = pay_invoices_.pay_all();
  EXPECT_EQ(report.paid, 0);
  EXPECT_EQ(report.pending, 20);
  EXPECT_EQ(report.provider_unavailable, "connection refused");

  gateways_.answer_with(FakePaymentGateways::paid);
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  EXPECT_EQ(store_.calls(Call::kRequestPayment), 1);
  EXPECT_EQ(gateways_.calls_by_key().size(), 20U);
}

TEST_F(PayInvoicesTest, ReturnAtOnceWhenTooManyCallersWait) {
  PayInvoices pay_invoices(store_, workers_, {.longest_wait = kLong, .max_waiting = 1});
  gateways_.hold();
  store_.add_invoices(2);
  auto first = pay_in_background(pay_invoices);
  ASSERT_TRUE(store_.eventually_called(Call::kIsPending, 1));
  EXPECT_EQ(pay_invoices.pay_all().pending, 2);
  EXPECT_FALSE(is_ready(first));
  gateways_.let_all_continue();
  EXPECT_EQ(first.get().paid, 2);

  store_.add_invoices(1);
  EXPECT_EQ(pay_invoices.pay_all().paid, 1);  // the first caller does not wait any more
}

TEST_F(PayInvoicesTest, ShareTheWorkBetweenConcurrentCallers) {
  gateways_.hold();
  store_.add_invoices(50);
  std::vector<std::future<PayReport>> reports;
  for (int i = 0; i < 4; ++i) reports.push_back(pay_in_background(pay_invoices_));
  ASSERT_TRUE(gateways_.eventually_in_flight(4));
  gateways_.let_all_continue();
  for (auto& report : reports) EXPECT_EQ(report.get().pending, 0);
  EXPECT_EQ(gateways_.calls(), 50);
  EXPECT_EQ(gateways_.calls_by_invoice().size(), 50U);
}

TEST_F(PayInvoicesTest, StopWaitingWhenTheProcessStops) {
  gateways_.hold();
  store_.add_invoices(2);
  auto report = pay_in_background(pay_invoices_);
  ASSERT_TRUE(store_.eventually_called(Call::kIsPending, 1));
  pay_invoices_.stop_waiting();
  EXPECT_EQ(report.get().pending, 2);
  EXPECT_EQ(pay_invoices_.pay_all().pending, 2);
  gateways_.let_all_continue();
}

TEST_F(PayInvoicesTest, ThrowWhileTheStoreFails) {
  PayInvoices pay_invoices(store_, workers_, {.longest_wait = kLong, .max_waiting = 1});
  gateways_.hold();
  store_.add_invoices(2);
  for (const Call call : {Call::kRequestPayment, Call::kIsPending}) {
    store_.fail(call);
    EXPECT_THROW(pay_invoices.pay_all(), common::Unavailable);
    store_.repair();
  }
  auto report = pay_in_background(pay_invoices);  // callers that failed do not wait
  ASSERT_TRUE(store_.eventually_called(Call::kIsPending, 2));
  gateways_.let_all_continue();
  EXPECT_EQ(report.get().paid, 2);

  store_.add_invoices(1);
  store_.fail(Call::kProgress);
  EXPECT_THROW(pay_invoices.pay_all(), common::Unavailable);
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
}

std::vector<std::string> ids_and_decimals(const std::vector<Invoice>& invoices) {
  std::vector<std::string> texts;
  for (const Invoice& invoice : invoices) {
    texts.push_back(invoice.id + " " + common::to_decimal(invoice.amount) + " " +
                    std::string(invoice.amount.currency.code()));
  }
  return texts;
}

TEST(Seed, PutsThreeInvoicesIntoAnEmptyStore) {
  FakeInvoiceStore store;
  seed(store);
  EXPECT_EQ(ids_and_decimals(store.list(0, 10)),
            (std::vector<std::string>{"I1 12.15 EUR", "I2 10.25 GBP", "I3 66.13 DKK"}));
  for (const Invoice& invoice : store.list(0, 10)) EXPECT_FALSE(invoice.is_paid());
}

TEST(Seed, LeavesAStoreAloneThatHasAnInvoice) {
  FakeInvoiceStore store;
  const std::vector<NewInvoice> one = {{"A", {100, common::Currency::find("EUR").value()}}};
  store.add({&one, 1});
  seed(store);
  EXPECT_EQ(ids_and_decimals(store.list(0, 10)), std::vector<std::string>{"A 1.00 EUR"});
}

TEST(Seed, AddsNothingTheSecondTime) {
  FakeInvoiceStore store;
  seed(store);
  seed(store);
  EXPECT_EQ(store.list(0, 10).size(), 3U);
}

}  // namespace
}  // namespace invoice_app
