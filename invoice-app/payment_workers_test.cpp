#include "invoice-app/payment_workers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/log/request_context.h"
#include "invoice-app/testing/payment_workers_fixture.h"

namespace invoice_app {
namespace {

using namespace std::chrono_literals;
using Call = FakeInvoiceStore::Call;
using Kind = PaymentAnswer::Kind;
using Row = FakeInvoiceStore::Row;
using Rows = std::vector<Row>;

const std::chrono::milliseconds kLease = worker_options().lease;

// The sequences of the invoices under a lease of this owner.
std::vector<std::int64_t> held_by(const std::string& owner, const Rows& rows) {
  std::vector<std::int64_t> held;
  for (const Row& row : rows) {
    if (row.owner == owner) held.push_back(row.invoice.sequence);
  }
  return held;
}

TEST_F(PaymentWorkersTest, PayAllThatIsDueWithOneCallEach) {
  add_due(50);
  const auto workers = start();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  workers->stop();
  expect_one_call_each(50);
  EXPECT_EQ(gateways_.calls_by_key().count("pay:I50:1"), 1U);
  EXPECT_EQ(metrics_.paid.Value(), 50);
  EXPECT_EQ(metrics_.unknown.Value(), 0);
}

TEST_F(PaymentWorkersTest, SendNoInvoiceBeforePaymentIsRequested) {
  add_due(1);
  store_.add_invoices(1);
  const auto workers = start();
  EXPECT_TRUE(store_.eventually([](const Rows& rows) { return rows[0].invoice.is_paid(); }));
  EXPECT_TRUE(eventually_looked_again());
  EXPECT_EQ(store_.row(2).attempt, 0);
  EXPECT_EQ(gateways_.calls(), 1);
}

TEST_F(PaymentWorkersTest, LookForWorkAtOnceWhenWokenAndPassTheRequestIdOn) {
  std::promise<std::string> request_id;
  gateways_.answer_with([&](const Claim&, int) -> PaymentAnswer {
    request_id.set_value(common::current_request().request_id);
    return {Kind::kPaid};
  });
  PaymentWorkersOptions lazy = worker_options();
  lazy.look_interval = 1h;
  const auto workers = start(lazy, system_clock_);
  ASSERT_TRUE(store_.eventually_called(Call::kIsClaimable, 1));  // at the start
  store_.add_invoices(1);
  EXPECT_EQ(workers->request_payment({{.request_id = "request-1"}}).due, 1);
  ASSERT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  EXPECT_EQ(request_id.get_future().get(), "request-1");
}

TEST_F(PaymentWorkersTest, RepeatAnUnknownOutcomeWithTheSameKeyUntilItIsKnown) {
  gateways_.answer_with([](const Claim&, int nth) -> PaymentAnswer {
    return {nth <= 3 ? Kind::kUnknown : Kind::kPaid, "timed out"};
  });
  add_due(1);
  const auto workers = start();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  using Settled = Settlement::Kind;
  EXPECT_EQ(settled_kinds(),
            (std::vector{Settled::kRetry, Settled::kRetry, Settled::kRetry, Settled::kPaid}));
  EXPECT_EQ(gateways_.calls_by_key(), (std::map<std::string, int>{{"pay:I1:1", 4}}));
  EXPECT_EQ(store_.row(1).attempt, 4);
  EXPECT_EQ(metrics_.unknown.Value(), 3);
}

TEST_F(PaymentWorkersTest, SettleARefusalWithItsReasonAndDoNotAskAgain) {
  gateways_.answer_with([](const Claim& claim, int) -> PaymentAnswer {
    if (claim.id == "I2") return {Kind::kRefused, "payments in EUR are not accepted"};
    return {Kind::kPaid};
  });
  add_due(3);
  const auto workers = start();
  EXPECT_TRUE(store_.eventually([](const Rows& rows) {
    return std::all_of(rows.begin(), rows.end(), [](const Row& row) { return row.has_ended(); });
  }));
  EXPECT_TRUE(eventually_looked_again());
  EXPECT_EQ(store_.row(2).invoice.state, InvoiceState::kRefused);
  EXPECT_EQ(store_.row(2).refusal, "payments in EUR are not accepted");
  EXPECT_EQ(store_.row(1).invoice.state, InvoiceState::kPaid);
  EXPECT_EQ(store_.row(3).invoice.state, InvoiceState::kPaid);
  expect_one_call_each(3);
  EXPECT_EQ(metrics_.refused.Value(), 1);
}

TEST_F(PaymentWorkersTest, LimitTheCallsInFlight) {
  gateways_.hold();
  add_due(40);
  const auto workers = start(3);
  EXPECT_TRUE(gateways_.eventually_in_flight(3));
  gateways_.let_all_continue();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  EXPECT_EQ(gateways_.most_in_flight(), 3);
}

TEST_F(PaymentWorkersTest, SettleInOneTransactionWhatEndsTogether) {
  gateways_.hold();
  add_due(8);
  PaymentWorkersOptions gathering = worker_options("worker", 8);
  gathering.gather = 1h;
  const auto workers = start(gathering, clock_);
  EXPECT_TRUE(gateways_.eventually_in_flight(8));
  gateways_.let_all_continue();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  EXPECT_EQ(store_.calls(Call::kSettle), 1);
}

TEST_F(PaymentWorkersTest, TellTheListenerOfASettlementAfterItsCommit) {
  gateways_.hold();
  add_due(1);
  std::promise<bool> is_paid;
  const auto workers = start();
  workers->set_settlement_listener([&] { is_paid.set_value(store_.row(1).invoice.is_paid()); });
  gateways_.let_all_continue();
  auto told = is_paid.get_future();
  ASSERT_EQ(told.wait_for(30s), std::future_status::ready);
  EXPECT_TRUE(told.get());
  EXPECT_EQ(workers->settlements(), 1);
}

TEST_F(PaymentWorkersTest, StopTheCallsToAProviderThatFailsUntilATrialSucceeds) {
  using State = CircuitBreaker::State;
  std::unique_ptr<PaymentWorkers> workers;
  std::vector<State> states;  // at each call; the only thread makes one after the other
  gateways_.hold();
  gateways_.answer_with([&](const Claim&, int) -> PaymentAnswer {
    states.push_back(workers->breaker().state(std::chrono::steady_clock::now()));
    return {states.size() <= 5 ? Kind::kUnknown : Kind::kPaid, "timed out"};
  });
  add_due(8);
  workers = start(1);
  gateways_.let_all_continue();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  workers->stop();
  ASSERT_EQ(states.size(), 13U);
  EXPECT_EQ(std::vector(states.begin(), states.begin() + 5), std::vector(5, State::kClosed));
  EXPECT_EQ(states[5], State::kHalfOpen);
  EXPECT_EQ(std::vector(states.begin() + 6, states.end()), std::vector(7, State::kClosed));
  EXPECT_EQ(workers->breaker().times_opened(), 1);
  EXPECT_EQ(metrics_.breaker_open.Value(), 0);
}

TEST_F(PaymentWorkersTest, MakeOneTrialAtOnceWhenWokenWhileTheBreakerIsOpen) {
  gateways_.hold();
  gateways_.answer_with([](const Claim&, int nth) -> PaymentAnswer {
    return {nth == 1 ? Kind::kUnknown : Kind::kPaid, "timed out"};
  });
  add_due(5);
  // All five are settled together, when the breaker is open: otherwise one of them can be due again
  // before that. Only the request ends the pause.
  PaymentWorkersOptions options = worker_options("worker", 5);
  options.gather = 1h;
  options.caller.breaker = {.failures_to_open = 1, .first_pause = 1h, .longest_pause = 1h};
  const auto workers = start(std::move(options), clock_);
  ASSERT_TRUE(gateways_.eventually_in_flight(5));
  gateways_.let_waiting_continue();
  ASSERT_TRUE(store_.eventually([](const Rows& rows) { return held_by("worker", rows).empty(); }));
  ASSERT_EQ(workers->breaker().times_opened(), 1);
  EXPECT_EQ(metrics_.breaker_open.Value(), 1);

  clock_.advance(worker_options().caller.retry.longest_delay());  // so that all are due again
  workers->request_payment({{.request_id = "request-1"}});
  EXPECT_EQ(workers->breaker().pause_left(std::chrono::steady_clock::now()), 0ms);
  EXPECT_TRUE(gateways_.eventually_in_flight(1));
  EXPECT_EQ(held_by("worker", store_.rows()).size(), 1U);
  gateways_.let_all_continue();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
}

TEST_F(PaymentWorkersTest, FinishTheCallsInFlightWhenStoppedAndReleaseTheOtherClaims) {
  gateways_.hold();
  add_due(1000);
  const auto workers = start(2);
  ASSERT_TRUE(gateways_.eventually_in_flight(2));
  ASSERT_TRUE(
      store_.eventually([](const Rows& rows) { return held_by("worker", rows).size() > 2; }));

  std::promise<void> stopping;
  auto stopped = std::async(std::launch::async, [&] {
    stopping.set_value();
    workers->stop();
  });
  stopping.get_future().wait();
  // The test cannot see when the stop has begun. Until then, new calls follow those that continue.
  while (stopped.wait_for(1ms) != std::future_status::ready) gateways_.let_waiting_continue();

  const auto calls = gateways_.calls_by_invoice();
  int claimed_and_not_sent = 0;
  for (const Row& row : store_.rows()) {
    if (row.attempt > 0 && !calls.contains(row.invoice.id)) ++claimed_and_not_sent;
    EXPECT_EQ(row.invoice.is_paid(), calls.contains(row.invoice.id)) << row.invoice.id;
    EXPECT_EQ(row.owner, "") << row.invoice.id;
    EXPECT_LE(row.claimable_at, system_clock_.now()) << row.invoice.id;
  }
  EXPECT_GT(claimed_and_not_sent, 0);
  EXPECT_EQ(store_.calls(Call::kRelease), 1);
}

TEST_F(PaymentWorkersTest, RejectALeaseThatACallOrARetryDelayOutlasts) {
  const PaymentCallerOptions& caller = worker_options().caller;
  for (const auto lease : {caller.longest_call, caller.retry.longest_delay()}) {
    PaymentWorkersOptions options = worker_options();
    options.lease = lease;
    EXPECT_THROW(start(options, clock_), std::invalid_argument) << lease.count();
  }
}

TEST_F(PaymentWorkersTest, StopOnceWhenStoppedTwice) {
  const auto workers = start();
  workers->stop();
  workers->stop();
  EXPECT_EQ(store_.calls(Call::kRelease), 1);
}

TEST_F(PaymentWorkersTest, StopEvenIfTheStoreFails) {
  gateways_.hold();
  add_due(2);
  const auto workers = start();
  ASSERT_TRUE(gateways_.eventually_in_flight(2));
  store_.fail(Call::kSettle);
  store_.fail(Call::kRelease);
  gateways_.let_all_continue();
  EXPECT_NO_THROW(workers->stop());
  EXPECT_GE(store_.calls(Call::kSettle), 1);
  EXPECT_EQ(store_.calls(Call::kRelease), 1);
}

TEST_F(PaymentWorkersTest, ContinueWhenTheStoreWorksAgain) {
  store_.fail(Call::kClaim);
  add_due(20);
  const auto workers = start();
  ASSERT_TRUE(store_.eventually_called(Call::kClaim, 3));
  EXPECT_EQ(gateways_.calls(), 0);
  store_.repair();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  expect_one_call_each(20);
}

TEST_F(PaymentWorkersTest, RetryWithTheSameKeyWhatCouldNotBeSettled) {
  store_.fail(Call::kSettle);
  add_due(1);
  const auto workers = start(worker_options(), clock_);
  ASSERT_TRUE(store_.eventually_called(Call::kSettle, 1));
  EXPECT_EQ(store_.row(1).invoice.state, InvoiceState::kSending);
  EXPECT_EQ(workers->settlements(), 0);
  store_.repair();
  clock_.advance(kLease);
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  EXPECT_EQ(gateways_.calls_by_key(), (std::map<std::string, int>{{"pay:I1:1", 2}}));
}

TEST_F(PaymentWorkersTest, GiveBackUnsentClaimsWhoseLeaseEndsTooSoon) {
  gateways_.hold();
  add_due(20);
  const auto workers = start(worker_options("worker", 1), clock_);
  ASSERT_TRUE(gateways_.eventually_in_flight(1));
  std::vector<std::int64_t> held;
  ASSERT_TRUE(store_.eventually([&](const Rows& rows) {
    held = held_by("worker", rows);
    return held.size() > 2;
  }));
  clock_.advance(kLease - worker_options().caller.longest_call + 1ms);
  gateways_.let_all_continue();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  workers->stop();
  expect_one_call_each(20);
  EXPECT_EQ(store_.row(held[0]).attempt, 1);
  for (std::size_t i = 1; i < held.size(); ++i) {
    EXPECT_GE(store_.row(held[i]).attempt, 2) << "invoice " << held[i];
  }
}

TEST_F(PaymentWorkersTest, PayTheInvoicesOfAnotherProcessWhenItsLeaseExpires) {
  add_due(3);
  claim_due(store_, {"dead", clock_.now(), clock_.now() + kLease}, 3);
  const auto workers = start(worker_options(), clock_);
  clock_.advance(kLease - 1ms);
  EXPECT_TRUE(eventually_looked_again());
  EXPECT_EQ(gateways_.calls(), 0);
  clock_.advance(1ms);
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  expect_one_call_each(3);
  EXPECT_EQ(gateways_.calls_by_key().count("pay:I1:1"), 1U);
  EXPECT_EQ(store_.row(1).attempt, 2);
}

TEST_F(PaymentWorkersTest, ShareTheWorkBetweenProcesses) {
  gateways_.hold();
  add_due(200);
  const auto first = start(worker_options("first"), clock_);
  const auto second = start(worker_options("second"), clock_);
  EXPECT_TRUE(gateways_.eventually_in_flight(8));
  EXPECT_FALSE(held_by("first", store_.rows()).empty());
  EXPECT_FALSE(held_by("second", store_.rows()).empty());
  gateways_.let_all_continue();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  first->stop();
  second->stop();
  expect_one_call_each(200);
}

}  // namespace
}  // namespace invoice_app
