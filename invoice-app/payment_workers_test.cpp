#include "invoice-app/payment_workers.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/log/log.h"
#include "invoice-app/testing/fake_invoice_store.h"
#include "invoice-app/testing/fake_payment_gateway.h"

namespace invoice_app {
namespace {

using std::chrono::milliseconds;
using Call = FakeInvoiceStore::Call;
using Kind = PaymentAnswer::Kind;
using Row = FakeInvoiceStore::Row;
using Rows = std::vector<Row>;

constexpr std::int64_t kLeaseMs = 10'000;
constexpr std::int64_t kLongestCallMs = 6'000;

// Stands still until it is set forward, so that no lease runs out by chance.
class FakeClock : public common::Clock {
 public:
  std::int64_t now_ms() const override { return now_ms_; }
  void advance(std::int64_t ms) { now_ms_ += ms; }

 private:
  std::atomic<std::int64_t> now_ms_ = 1'700'000'000'000;
};

class PaymentWorkersTest : public testing::Test {
 protected:
  PaymentWorkersOptions options(const std::string& owner, std::size_t concurrency = 4) const {
    PaymentWorkersOptions options;
    options.owner = owner;
    options.concurrency = concurrency;
    options.lease_ms = kLeaseMs;
    options.longest_call_ms = kLongestCallMs;
    options.gather = milliseconds(1);
    options.look_interval = milliseconds(5);
    options.retry_look_interval = milliseconds(1);
    options.first_retry_ms = 1;
    options.longest_retry_ms = 4;
    return options;
  }

  std::unique_ptr<PaymentWorkers> start(PaymentWorkersOptions options, const common::Clock& clock) {
    return std::make_unique<PaymentWorkers>(store_, provider_.gateways(), clock, metrics_,
                                            std::move(options));
  }
  std::unique_ptr<PaymentWorkers> start(std::size_t concurrency = 4) {
    return start(options("worker", concurrency), system_clock_);
  }

  // Adds invoices I1, I2, ... after those that are there.
  void add_invoices(int count) {
    const common::Currency eur = common::Currency::find("EUR").value();
    std::vector<NewInvoice> invoices;
    for (int i = 0; i < count; ++i) {
      invoices.push_back({"I" + std::to_string(++last_invoice_), {1215, eur}});
    }
    store_.add({&invoices, 1});
  }
  void add_due(int count) {
    add_invoices(count);
    store_.request_payment();
  }

  // Waits until workers that had the time to claim more have done so.
  bool eventually_looked_again() const {
    return store_.eventually_called(Call::kClaim, store_.calls(Call::kClaim) + 2);
  }

  // Once each call has been made: were they the only ones for their invoices, under one key each?
  void expect_one_call_each(int invoices) const {
    EXPECT_EQ(provider_.calls(), invoices);
    EXPECT_EQ(provider_.calls_by_invoice().size(), static_cast<std::size_t>(invoices));
    EXPECT_EQ(provider_.calls_by_key().size(), static_cast<std::size_t>(invoices));
  }

  std::vector<Settlement::Kind> settled_kinds() const {
    std::vector<Settlement::Kind> kinds;
    for (const Settlement& settlement : store_.settlements()) kinds.push_back(settlement.kind);
    return kinds;
  }

  FakeInvoiceStore store_;
  FakeProvider provider_;
  FakeClock clock_;
  const common::SystemClock system_clock_{};
  prometheus::Registry registry_;
  PayMetrics metrics_{registry_};

 private:
  int last_invoice_ = 0;
};

// The time that the circuit breaker goes by.
std::int64_t steady_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<milliseconds>(now).count();
}

// The sequences of what is under a lease of this owner.
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
  EXPECT_EQ(provider_.calls_by_key().count("pay:I50:1"), 1U);
  EXPECT_EQ(metrics_.paid.Value(), 50);
  EXPECT_EQ(metrics_.unknown.Value(), 0);
}

TEST_F(PaymentWorkersTest, LeaveAloneWhatNobodyAskedToPay) {
  add_due(1);
  add_invoices(1);
  const auto workers = start();
  EXPECT_TRUE(store_.eventually([](const Rows& rows) { return rows[0].invoice.is_paid(); }));
  EXPECT_TRUE(eventually_looked_again());
  EXPECT_EQ(store_.row(2).attempt, 0);
  EXPECT_EQ(provider_.calls(), 1);
}

TEST_F(PaymentWorkersTest, LookForWorkAtOnceWhenWokenAndPassTheRequestIdOn) {
  std::promise<std::string> request_id;
  provider_.answer_with([&](const Claim&, int) -> PaymentAnswer {
    request_id.set_value(common::current_request_id());
    return {Kind::kPaid};
  });
  PaymentWorkersOptions lazy = options("worker");
  lazy.look_interval = std::chrono::hours(1);
  const auto workers = start(lazy, system_clock_);
  ASSERT_TRUE(store_.eventually_called(Call::kClaim, 1));  // the look that it begins with
  add_due(1);
  workers->wake("request-1");
  ASSERT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  EXPECT_EQ(request_id.get_future().get(), "request-1");
}

TEST_F(PaymentWorkersTest, RepeatAnUnknownOutcomeWithTheSameKeyUntilItIsKnown) {
  provider_.answer_with([](const Claim&, int nth) -> PaymentAnswer {
    return {nth <= 3 ? Kind::kUnknown : Kind::kPaid, "timed out"};
  });
  add_due(1);
  const auto workers = start();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  using Settled = Settlement::Kind;
  EXPECT_EQ(settled_kinds(),
            (std::vector{Settled::kRetry, Settled::kRetry, Settled::kRetry, Settled::kPaid}));
  EXPECT_EQ(provider_.calls_by_key(), (std::map<std::string, int>{{"pay:I1:1", 4}}));
  EXPECT_EQ(store_.row(1).attempt, 4);
  EXPECT_EQ(metrics_.unknown.Value(), 3);
}

TEST_F(PaymentWorkersTest, PutARetryOffForARandomTimeWithinTheBounds) {
  provider_.answer_with([](const Claim&, int nth) -> PaymentAnswer {
    return {nth <= 4 ? Kind::kUnknown : Kind::kPaid};
  });
  add_due(1);
  PaymentWorkersOptions patient = options("worker");
  patient.first_retry_ms = 10;
  patient.longest_retry_ms = 30;
  const auto workers = start(patient, clock_);
  for (const std::int64_t attempt : {1, 2, 3, 4}) {
    ASSERT_TRUE(store_.eventually([attempt](const Rows& rows) {
      return rows[0].attempt == attempt && rows[0].owner.empty();
    }));
    const std::int64_t put_off_ms = store_.row(1).claimable_at_ms - clock_.now_ms();
    EXPECT_GE(put_off_ms, 1);
    EXPECT_LE(put_off_ms, 1 + std::min<std::int64_t>(30, 10 << attempt));
    clock_.advance(put_off_ms);
  }
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
}

TEST_F(PaymentWorkersTest, TakeAGatewayThatThrowsForAnUnknownOutcome) {
  provider_.answer_with([](const Claim&, int nth) -> PaymentAnswer {
    if (nth <= 2) throw std::runtime_error("out of sockets");
    return {Kind::kPaid};
  });
  add_due(1);
  const auto workers = start();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  EXPECT_EQ(provider_.calls_by_key(), (std::map<std::string, int>{{"pay:I1:1", 3}}));
  EXPECT_EQ(metrics_.unknown.Value(), 2);
  EXPECT_EQ(workers->breaker().last_failure(), "out of sockets");
}

TEST_F(PaymentWorkersTest, SettleARefusalWithItsReasonAndDoNotAskAgain) {
  provider_.answer_with([](const Claim& claim, int) -> PaymentAnswer {
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

TEST_F(PaymentWorkersTest, MakeNoMoreCallsAtOneTimeThanTheyMay) {
  provider_.hold();
  add_due(40);
  const auto workers = start(3);
  EXPECT_TRUE(provider_.eventually_under_way(3));
  provider_.let_all_go();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  EXPECT_EQ(provider_.most_at_once(), 3);
}

TEST_F(PaymentWorkersTest, SettleInOneTransactionWhatEndsTogether) {
  provider_.hold();
  add_due(8);
  PaymentWorkersOptions gathering = options("worker", 8);
  gathering.gather = std::chrono::hours(1);
  const auto workers = start(gathering, clock_);
  EXPECT_TRUE(provider_.eventually_under_way(8));
  provider_.let_all_go();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  EXPECT_EQ(store_.calls(Call::kSettle), 1);
}

TEST_F(PaymentWorkersTest, TellThoseWhoWaitWhenSomethingIsSettled) {
  provider_.hold();
  add_due(1);
  const auto workers = start();
  auto waiting = std::async(std::launch::async, [&] {
    provider_.let_all_go();
    workers->wait_for_settlement(0, std::chrono::seconds(20));
    return store_.row(1).invoice.is_paid();
  });
  ASSERT_EQ(waiting.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_TRUE(waiting.get());
  EXPECT_EQ(workers->settlements(), 1);
  workers->wait_for_settlement(1, milliseconds(1));
  EXPECT_EQ(workers->settlements(), 1);
}

TEST_F(PaymentWorkersTest, LeaveAProviderAloneThatFailsUntilATrialSucceeds) {
  using State = CircuitBreaker::State;
  std::unique_ptr<PaymentWorkers> workers;
  std::vector<State> states;  // at each call; with one caller they come one after the other
  provider_.hold();
  provider_.answer_with([&](const Claim&, int) -> PaymentAnswer {
    states.push_back(workers->breaker().state(steady_ms()));
    return {states.size() <= 5 ? Kind::kUnknown : Kind::kPaid, "timed out"};
  });
  add_due(8);
  workers = start(1);
  provider_.let_all_go();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  workers->stop();
  ASSERT_EQ(states.size(), 13U);
  EXPECT_EQ(std::vector(states.begin(), states.begin() + 5), std::vector(5, State::kClosed));
  EXPECT_EQ(states[5], State::kHalfOpen);
  EXPECT_EQ(std::vector(states.begin() + 6, states.end()), std::vector(7, State::kClosed));
  EXPECT_EQ(workers->breaker().times_opened(), 1);
  EXPECT_EQ(metrics_.provider_left_alone.Value(), 0);
}

TEST_F(PaymentWorkersTest, TryAProviderThatIsLeftAloneAtOnceAndWithOneCallWhenWoken) {
  provider_.hold();
  provider_.answer_with([](const Claim&, int nth) -> PaymentAnswer {
    return {nth == 1 ? Kind::kUnknown : Kind::kPaid, "timed out"};
  });
  add_due(5);
  const auto workers = start(options("worker", 5), clock_);
  ASSERT_TRUE(provider_.eventually_under_way(5));
  provider_.let_waiting_go();
  ASSERT_TRUE(store_.eventually([](const Rows& rows) { return held_by("worker", rows).empty(); }));
  ASSERT_EQ(workers->breaker().times_opened(), 1);
  EXPECT_EQ(metrics_.provider_left_alone.Value(), 1);

  clock_.advance(options("worker").longest_retry_ms + 1);  // so that all of them are due again
  workers->wake("request-1");
  EXPECT_EQ(workers->breaker().pause_left_ms(steady_ms()), 0);
  EXPECT_TRUE(provider_.eventually_under_way(1));
  EXPECT_EQ(held_by("worker", store_.rows()).size(), 1U);
  provider_.let_all_go();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
}

TEST_F(PaymentWorkersTest, EndTheCallsUnderWayWhenStoppedAndGiveBackTheRest) {
  provider_.hold();
  add_due(1000);
  const auto workers = start(2);
  ASSERT_TRUE(provider_.eventually_under_way(2));
  ASSERT_TRUE(
      store_.eventually([](const Rows& rows) { return held_by("worker", rows).size() > 2; }));

  std::promise<void> stopping;
  auto stopped = std::async(std::launch::async, [&] {
    stopping.set_value();
    workers->stop();
  });
  stopping.get_future().wait();
  // Nothing tells when it has begun to stop; until then, calls follow those that are let go.
  while (stopped.wait_for(milliseconds(1)) != std::future_status::ready) provider_.let_waiting_go();

  const auto calls = provider_.calls_by_invoice();
  int claimed_and_not_sent = 0;
  for (const Row& row : store_.rows()) {
    if (row.attempt > 0 && !calls.contains(row.invoice.id)) ++claimed_and_not_sent;
    EXPECT_EQ(row.invoice.is_paid(), calls.contains(row.invoice.id)) << row.invoice.id;
    EXPECT_EQ(row.owner, "") << row.invoice.id;
    EXPECT_LE(row.claimable_at_ms, system_clock_.now_ms()) << row.invoice.id;
  }
  EXPECT_GT(claimed_and_not_sent, 0);
  EXPECT_EQ(store_.calls(Call::kRelease), 1);
}

TEST_F(PaymentWorkersTest, StopOnceWhenStoppedTwice) {
  const auto workers = start();
  workers->stop();
  workers->stop();
  EXPECT_EQ(store_.calls(Call::kRelease), 1);
}

TEST_F(PaymentWorkersTest, StopEvenIfTheStoreFails) {
  provider_.hold();
  add_due(2);
  const auto workers = start();
  ASSERT_TRUE(provider_.eventually_under_way(2));
  store_.fail(Call::kSettle);
  store_.fail(Call::kRelease);
  provider_.let_all_go();
  EXPECT_NO_THROW(workers->stop());
  EXPECT_GE(store_.calls(Call::kSettle), 1);
  EXPECT_EQ(store_.calls(Call::kRelease), 1);
}

TEST_F(PaymentWorkersTest, GoOnWhenTheStoreCanBeClaimedFromAgain) {
  store_.fail(Call::kClaim);
  add_due(20);
  const auto workers = start();
  ASSERT_TRUE(store_.eventually_called(Call::kClaim, 3));
  EXPECT_EQ(provider_.calls(), 0);
  store_.repair();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  expect_one_call_each(20);
}

TEST_F(PaymentWorkersTest, AskAgainWithTheSameKeyForWhatCouldNotBeSettled) {
  store_.fail(Call::kSettle);
  add_due(1);
  const auto workers = start(options("worker"), clock_);
  ASSERT_TRUE(store_.eventually_called(Call::kSettle, 1));
  EXPECT_EQ(store_.row(1).invoice.state, InvoiceState::kSending);
  EXPECT_EQ(workers->settlements(), 0);
  store_.repair();
  clock_.advance(kLeaseMs);
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  EXPECT_EQ(provider_.calls_by_key(), (std::map<std::string, int>{{"pay:I1:1", 2}}));
}

TEST_F(PaymentWorkersTest, GiveBackUnsentWhatHasTooLittleTimeLeft) {
  provider_.hold();
  add_due(20);
  const auto workers = start(options("worker", 1), clock_);
  ASSERT_TRUE(provider_.eventually_under_way(1));
  std::vector<std::int64_t> held;
  ASSERT_TRUE(store_.eventually([&](const Rows& rows) {
    held = held_by("worker", rows);
    return held.size() > 2;
  }));
  clock_.advance(kLeaseMs - kLongestCallMs + 1);
  provider_.let_all_go();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  workers->stop();
  expect_one_call_each(20);
  EXPECT_EQ(store_.row(held[0]).attempt, 1);
  for (std::size_t i = 1; i < held.size(); ++i) {
    EXPECT_GE(store_.row(held[i]).attempt, 2) << "invoice " << held[i];
  }
}

TEST_F(PaymentWorkersTest, FinishWhatAnotherProcessBeganOnceItsLeaseRunsOut) {
  add_due(3);
  store_.claim({"dead", clock_.now_ms(), clock_.now_ms() + kLeaseMs}, 3);
  const auto workers = start(options("worker"), clock_);
  clock_.advance(kLeaseMs - 1);
  EXPECT_TRUE(eventually_looked_again());
  EXPECT_EQ(provider_.calls(), 0);
  clock_.advance(1);
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  expect_one_call_each(3);
  EXPECT_EQ(provider_.calls_by_key().count("pay:I1:1"), 1U);
  EXPECT_EQ(store_.row(1).attempt, 2);
}

TEST_F(PaymentWorkersTest, ShareTheWorkBetweenProcesses) {
  provider_.hold();
  add_due(200);
  const auto first = start(options("first"), clock_);
  const auto second = start(options("second"), clock_);
  EXPECT_TRUE(provider_.eventually_under_way(8));
  EXPECT_FALSE(held_by("first", store_.rows()).empty());
  EXPECT_FALSE(held_by("second", store_.rows()).empty());
  provider_.let_all_go();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  first->stop();
  second->stop();
  expect_one_call_each(200);
}

}  // namespace
}  // namespace invoice_app
