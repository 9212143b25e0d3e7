// Batches of PaymentWorkers, and its requests for payment.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <future>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/base/unavailable.h"
#include "invoice-app/testing/payment_workers_fixture.h"
#include "tests/support/eventually.h"

namespace invoice_app {
namespace {

using namespace std::chrono_literals;
using Call = FakeInvoiceStore::Call;
using Kind = PaymentAnswer::Kind;
using Row = FakeInvoiceStore::Row;
using Rows = std::vector<Row>;
using PaymentWorkersBatchTest = PaymentWorkersTest;

PaymentWorkersOptions batching(std::size_t max = 10) {
  PaymentWorkersOptions options = worker_options();
  options.batch_calls = 2;
  options.caller.batch.max = max;
  options.caller.batch.quick = 1h;  // also if the machine stalls during a call
  return options;
}

TEST_F(PaymentWorkersBatchTest, SendInOneBatchAndSettleInOneCommitWhatWasClaimedTogether) {
  const auto workers = start(batching(), system_clock_);
  store_.add_invoices(3);
  EXPECT_EQ(workers->request_payment({{.request_id = "request-1"}}).due, 3);
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  EXPECT_EQ(gateways_.batch_sizes(), std::vector<std::size_t>{3});
  EXPECT_EQ(store_.calls(Call::kSettle), 1);
  EXPECT_EQ(store_.writes(), (std::vector<std::string>{"request", "settle"}));
}

TEST_F(PaymentWorkersBatchTest, SettleABatchAndClaimTheNextInOneCommit) {
  gateways_.hold();
  const auto workers = start(batching(), system_clock_);
  store_.add_invoices(100);
  workers->request_payment({{.request_id = "request-1"}});
  // Two batches are sent, and one waits. The call that ends first takes it, so that the next commit
  // settles and claims.
  ASSERT_TRUE(gateways_.eventually_in_flight(2));
  ASSERT_TRUE(store_.eventually([](const Rows& rows) { return rows[29].attempt == 1; }));
  gateways_.let_all_continue();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  workers->stop();
  EXPECT_EQ(gateways_.batch_sizes(), std::vector<std::size_t>(10, 10));
  EXPECT_LE(gateways_.most_in_flight(), 2);
  // How many commits were saved depends on the threads. The request and the first claim share one.
  const int changes = store_.calls(Call::kRequestPayment) + store_.calls(Call::kClaim) +
                      store_.calls(Call::kSettle);
  EXPECT_GT(changes - static_cast<int>(store_.writes().size()), 1);
}

TEST_F(PaymentWorkersBatchTest, PayOneByOneWhileTheProviderTakesNoBatchesAndTryAgainLater) {
  gateways_.take_batches(false);
  PaymentWorkersOptions options = batching();
  options.single_calls = 8;
  options.caller.batch.pause = 1h;
  gateways_.hold();
  const auto workers = start(options, system_clock_);
  store_.add_invoices(100);
  workers->request_payment({{.request_id = "request-1"}});
  EXPECT_TRUE(gateways_.eventually_in_flight(8));
  gateways_.let_all_continue();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  expect_one_call_each(100);
  EXPECT_LE(gateways_.batch_sizes().size(), 2U) << "two may have been in flight";
  EXPECT_EQ(metrics_.unknown.Value(), 0);
}

TEST_F(PaymentWorkersBatchTest, SendBatchesAgainAfterAPause) {
  gateways_.take_batches(false);
  PaymentWorkersOptions options = batching();
  options.caller.batch.pause = 1ms;
  const auto workers = start(options, system_clock_);
  const auto pay_ten = [&] {
    store_.add_invoices(10);
    workers->request_payment({{.request_id = "request-1"}});
    return store_.eventually_all(InvoiceState::kPaid);
  };
  EXPECT_TRUE(pay_ten());
  gateways_.take_batches(true);
  const std::size_t not_taken = gateways_.batch_sizes().size();
  EXPECT_TRUE(
      tests::eventually([&] { return pay_ten() && gateways_.batch_sizes().size() > not_taken; }));
}

// One payment that the provider cannot process makes each batch fail that it is part of.
TEST_F(PaymentWorkersBatchTest, HoldUpNoOthersForAPaymentThatMakesBatchesFail) {
  gateways_.answer_with([](const Claim& claim, int) -> PaymentAnswer {
    if (claim.id == "I37") throw std::runtime_error("HTTP 500");
    return {Kind::kPaid};
  });
  const auto workers = start(batching(50), system_clock_);
  add_due(100);
  EXPECT_TRUE(store_.eventually([](const Rows& rows) {
    return std::count_if(rows.begin(), rows.end(),
                         [](const Row& row) { return row.invoice.is_paid(); }) == 99;
  }));
  EXPECT_EQ(store_.row(37).invoice.state, InvoiceState::kSending);
}

TEST_F(PaymentWorkersBatchTest, RequestsForPaymentShareACommit) {
  gateways_.hold();
  store_.add_invoices(1);
  const auto workers = start(batching(), system_clock_);
  std::vector<std::future<PayRun>> runs;
  for (int i = 0; i < 50; ++i) {
    runs.push_back(std::async(std::launch::async,
                              [&] { return workers->request_payment({{.request_id = "id"}}); }));
  }
  for (auto& run : runs) EXPECT_EQ(run.get().due, 1);
  EXPECT_LE(store_.calls(Call::kRequestPayment), 50);
  gateways_.let_all_continue();
}

TEST_F(PaymentWorkersBatchTest, FailARequestForPaymentWithTheStoreAndAfterTheStop) {
  const auto workers = start(batching(), system_clock_);
  store_.fail(Call::kRequestPayment);
  EXPECT_THROW(workers->request_payment({{.request_id = "request-1"}}), common::Unavailable);
  store_.repair();
  EXPECT_EQ(workers->request_payment({{.request_id = "request-2"}}).due, 0);
  workers->stop();
  EXPECT_THROW(workers->request_payment({{.request_id = "request-3"}}), common::Unavailable);
}

}  // namespace
}  // namespace invoice_app
