#include "invoice-app/pay_invoices.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/unavailable.h"
#include "common/log/request_context.h"
#include "invoice-app/seed.h"
#include "invoice-app/testing/fake_invoice_store.h"
#include "invoice-app/testing/fake_payment_gateways.h"
#include "invoice-app/testing/single_writes.h"
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

// What `start` reports.
template <typename Report, typename Start>
std::future<Report> in_background(Start start) {
  const auto promise = std::make_shared<std::promise<Report>>();
  start([promise](const common::Outcome<Report>& outcome) {
    try {
      promise->set_value(outcome());
    } catch (const common::Unavailable& error) {
      promise->set_exception(std::make_exception_ptr(error));
    }
  });
  return promise->get_future();
}

class PayInvoicesTest : public testing::Test {
 protected:
  static std::future<PayReport> pay_in_background(PayInvoices& pay_invoices) {
    return in_background<PayReport>(
        [&](auto on_report) { pay_invoices.pay_all(std::move(on_report)); });
  }
  static std::future<InvoiceReport> pay_one_in_background(PayInvoices& pay_invoices,
                                                          const std::string& id) {
    return in_background<InvoiceReport>(
        [&](auto on_report) { pay_invoices.pay_one(id, std::move(on_report)); });
  }
  static PayReport pay(PayInvoices& pay_invoices) { return pay_in_background(pay_invoices).get(); }
  PayReport pay() { return pay(pay_invoices_); }
  InvoiceReport pay_one(const std::string& id) {
    return pay_one_in_background(pay_invoices_, id).get();
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
  const PayReport report = pay();
  EXPECT_EQ(report.paid, 0);
  EXPECT_EQ(report.refused, 0);
  EXPECT_EQ(report.pending, 0);
  EXPECT_EQ(report.provider_unavailable, std::nullopt);
  EXPECT_EQ(store_.calls(Call::kIsPending), 0);
}

TEST_F(PayInvoicesTest, PayEverythingThatIsDue) {
  store_.add_invoices(30);
  const PayReport report = pay();
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
    request_id.set_value(common::current_request().request_id);
    return {Kind::kPaid};
  });
  const int looks = store_.calls(Call::kIsClaimable);
  PaymentWorkers workers(store_, gateways_.factory(), clock_, metrics_, lazy);
  ASSERT_TRUE(store_.eventually_called(Call::kIsClaimable, looks + 1));  // at the start
  store_.add_invoices(1);
  const common::RequestContext context{.request_id = "request-1"};
  const common::RequestScope scope(context);
  PayInvoices pay_invoices(store_, workers, {.longest_wait = kLong});
  ASSERT_EQ(pay(pay_invoices).paid, 1);
  EXPECT_EQ(request_id.get_future().get(), "request-1");
}

TEST_F(PayInvoicesTest, CountOnlyWhatWasDue) {
  store_.add_invoices(3);
  EXPECT_EQ(pay().paid, 3);
  EXPECT_EQ(pay().paid, 0);
  store_.add_invoices(2);
  EXPECT_EQ(pay().paid, 2);
  EXPECT_EQ(gateways_.calls(), 5);
}

TEST_F(PayInvoicesTest, PayOneAndNoOthers) {
  store_.add_invoices(3);
  const InvoiceReport report = pay_one("I2");
  EXPECT_EQ(report.invoice.value().state, InvoiceState::kPaid);
  EXPECT_EQ(report.invoice.value().attempts, 1);
  EXPECT_EQ(report.provider_unavailable, std::nullopt);
  EXPECT_EQ(pay_one("I2").invoice.value().attempts, 1) << "it was paid already";
  EXPECT_EQ(pay_one("unknown").invoice, std::nullopt);
  EXPECT_EQ(gateways_.calls(), 1);
  EXPECT_EQ(pay().paid, 2);
}

TEST_F(PayInvoicesTest, PayARefusedOneWithANewKey) {
  gateways_.answer_with([](const Claim& claim, int) -> PaymentAnswer {
    return {claim.generation == 1 ? Kind::kRefused : Kind::kPaid, "no"};
  });
  store_.add_invoices(2);
  const InvoiceReport refused = pay_one("I2");
  EXPECT_EQ(refused.invoice.value().state, InvoiceState::kRefused);
  EXPECT_EQ(refused.invoice.value().refusal, "no");
  EXPECT_EQ(pay_one("I2").invoice.value().state, InvoiceState::kPaid);
  EXPECT_EQ(gateways_.calls_by_key(),
            (std::map<std::string, int>{{"pay:I2:1", 1}, {"pay:I2:2", 1}}));
}

TEST_F(PayInvoicesTest, PayOneAndAllAtTheSameTime) {
  gateways_.hold();
  store_.add_invoices(3);
  auto first = pay_one_in_background(pay_invoices_, "I1");
  auto all = pay_in_background(pay_invoices_);
  auto third = pay_one_in_background(pay_invoices_, "I3");
  auto again = pay_one_in_background(pay_invoices_, "I3");
  gateways_.let_all_continue();
  for (auto* one : {&first, &third, &again}) {
    EXPECT_EQ(one->get().invoice.value().state, InvoiceState::kPaid);
  }
  EXPECT_EQ(all.get().pending, 0);
  EXPECT_EQ(gateways_.calls(), 3);
}

TEST_F(PayInvoicesTest, ReportThatOneIsPending) {
  store_.add_invoices(1);
  gateways_.hold();
  PayInvoices impatient(store_, workers_, {.longest_wait = milliseconds(1)});
  const InvoiceReport report = pay_one_in_background(impatient, "I1").get();
  EXPECT_FALSE(report.invoice.value().is_paid());
  EXPECT_EQ(report.provider_unavailable, std::nullopt);
  PayInvoices patient(store_, workers_, {.longest_wait = kLong});
  auto stopped = pay_one_in_background(patient, "I1");
  patient.stop_waiting();
  EXPECT_FALSE(stopped.get().invoice.value().is_paid());
  gateways_.let_all_continue();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
}

TEST_F(PayInvoicesTest, ReportThatTheProviderDidNotTakeOne) {
  gateways_.answer_with(FakePaymentGateways::down);
  store_.add_invoices(1);
  const InvoiceReport report = pay_one("I1");
  EXPECT_FALSE(report.invoice.value().is_paid());
  EXPECT_NE(report.provider_unavailable, std::nullopt);
  gateways_.answer_with([](const Claim&, int) -> PaymentAnswer { return {Kind::kPaid}; });
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
}

TEST_F(PayInvoicesTest, ThrowIfTheStoreFailsForOne) {
  store_.add_invoices(1);
  for (const Call call : {Call::kRequestPaymentOf, Call::kPendingOf, Call::kFind}) {
    store_.fail(call);
    EXPECT_THROW(pay_one("I1"), common::Unavailable);
    store_.repair();
  }
  EXPECT_EQ(pay_one("I1").invoice.value().state, InvoiceState::kPaid);
}

TEST_F(PayInvoicesTest, ReportRefusalsAndUseANewKeyNextTime) {
  gateways_.answer_with([](const Claim& claim, int) -> PaymentAnswer {
    return {claim.id == "I2" && claim.generation == 1 ? Kind::kRefused : Kind::kPaid};
  });
  store_.add_invoices(3);
  const PayReport first = pay();
  EXPECT_EQ(first.paid, 2);
  EXPECT_EQ(first.refused, 1);
  EXPECT_EQ(first.pending, 0);
  EXPECT_EQ(first.provider_unavailable, std::nullopt);

  const PayReport second = pay();
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
  settle(store_, "another", settlements);
  EXPECT_EQ(report.get().paid, 1);
  EXPECT_EQ(workers_.settlements(), 0);
  gateways_.let_all_continue();
}

TEST_F(PayInvoicesTest, ReportUnfinishedInvoicesAsPendingAfterTheLongestWait) {
  PayInvoices impatient(store_, workers_, {.longest_wait = milliseconds(10)});
  gateways_.hold();
  store_.add_invoices(6);
  const PayReport report = pay(impatient);
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
  const PayReport report = pay();
  EXPECT_EQ(report.paid, 0);
  EXPECT_EQ(report.pending, 20);
  EXPECT_EQ(report.provider_unavailable, "connection refused");

  gateways_.answer_with(FakePaymentGateways::paid);
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  EXPECT_EQ(store_.calls(Call::kRequestPayment), 1);
  EXPECT_EQ(gateways_.calls_by_key().size(), 20U);
}

TEST_F(PayInvoicesTest, ShareTheWorkAndTheRequestBetweenConcurrentCallers) {
  constexpr int kCallers = 1000;  // which need no threads
  gateways_.hold();
  store_.add_invoices(50);
  std::vector<std::future<PayReport>> reports;
  for (int i = 0; i < kCallers; ++i) reports.push_back(pay_in_background(pay_invoices_));
  ASSERT_TRUE(gateways_.eventually_in_flight(4));
  gateways_.let_all_continue();
  for (auto& report : reports) EXPECT_EQ(report.get().pending, 0);
  EXPECT_EQ(gateways_.calls(), 50);
  EXPECT_EQ(gateways_.calls_by_invoice().size(), 50U);
  EXPECT_LT(store_.calls(Call::kRequestPayment), kCallers);
}

// A later caller waits for more invoices. It must not keep an earlier one waiting.
TEST_F(PayInvoicesTest, ReportToEachCallerWhenItsOwnInvoicesArePaid) {
  gateways_.hold();
  store_.add_invoices(1);
  auto first = pay_in_background(pay_invoices_);
  ASSERT_TRUE(gateways_.eventually_in_flight(1));
  store_.add_invoices(1);
  auto second = pay_in_background(pay_invoices_);
  ASSERT_TRUE(gateways_.eventually_in_flight(2));
  const std::vector<Settlement> settlements = {
      {.kind = Settlement::Kind::kPaid, .sequence = 1, .attempt = 1}};
  settle(store_, "another", settlements);
  EXPECT_EQ(first.get().paid, 1);
  EXPECT_FALSE(is_ready(second));
  gateways_.let_all_continue();
  EXPECT_EQ(second.get().paid, 2);
}

TEST_F(PayInvoicesTest, StopWaitingWhenTheProcessStops) {
  gateways_.hold();
  store_.add_invoices(2);
  auto report = pay_in_background(pay_invoices_);
  ASSERT_TRUE(store_.eventually_called(Call::kIsPending, 1));
  pay_invoices_.stop_waiting();
  EXPECT_EQ(report.get().pending, 2);
  EXPECT_EQ(pay().pending, 2);
  gateways_.let_all_continue();
}

TEST_F(PayInvoicesTest, EndBeforeTheyAreDestroyed) {
  gateways_.hold();
  store_.add_invoices(2);
  std::future<PayReport> report;
  {
    PayInvoices pay_invoices(store_, workers_, {.longest_wait = kLong});
    report = pay_in_background(pay_invoices);
  }
  EXPECT_EQ(report.get().pending, 2);
  gateways_.let_all_continue();
}

TEST_F(PayInvoicesTest, ThrowWhileTheStoreFails) {
  gateways_.hold();
  store_.add_invoices(2);
  for (const Call call : {Call::kRequestPayment, Call::kIsPending}) {
    store_.fail(call);
    EXPECT_THROW(pay(), common::Unavailable);
    store_.repair();
  }
  auto report = pay_in_background(pay_invoices_);
  ASSERT_TRUE(store_.eventually_called(Call::kIsPending, 2));
  gateways_.let_all_continue();
  EXPECT_EQ(report.get().paid, 2);

  store_.add_invoices(1);
  store_.fail(Call::kProgress);
  EXPECT_THROW(pay(), common::Unavailable);
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
