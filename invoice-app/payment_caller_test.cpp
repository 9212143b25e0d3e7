#include "invoice-app/payment_caller.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <chrono>
#include <memory>
#include <stdexcept>

#include "invoice-app/testing/fake_payment_gateways.h"
#include "tests/support/fake_clock.h"

namespace invoice_app {
namespace {

using namespace std::chrono_literals;
using Kind = PaymentAnswer::Kind;

const Claim kClaim{.sequence = 7,
                   .id = "I7",
                   .amount = {1215, common::Currency::find("EUR").value()},
                   .generation = 1,
                   .attempt = 2};

constexpr PaymentCallerOptions kOptions{
    .longest_call = 6s,
    .breaker = {.failures_to_open = 3, .first_pause = 1h, .longest_pause = 1h},
    .retry = {.first_backoff = 10ms}};

class PaymentCallerTest : public testing::Test {
 protected:
  // Pays kClaim under a lease that is left for so long.
  Settlement pay(std::chrono::milliseconds lease_left = 10s) {
    return caller_.pay(*gateway_, kClaim, clock_.now() + lease_left);
  }

  void answer(Kind kind, const std::string& reason = "") {
    gateways_.answer_with([=](const Claim&, int) -> PaymentAnswer { return {kind, reason}; });
  }

  void expect_given_back(const Settlement& settlement) const {
    EXPECT_EQ(settlement.kind, Settlement::Kind::kRetry);
    EXPECT_EQ(settlement.attempt, kClaim.attempt);
    EXPECT_EQ(settlement.retry_at, clock_.now());
  }

  tests::FakeClock clock_;
  prometheus::Registry registry_;
  PayMetrics metrics_{registry_};
  FakePaymentGateways gateways_;
  const std::unique_ptr<PaymentGateway> gateway_ = gateways_.factory()();
  PaymentCaller caller_{clock_, metrics_, kOptions};
};

TEST_F(PaymentCallerTest, SettlesAConfirmedPaymentAsPaid) {
  const Settlement settlement = pay();
  EXPECT_EQ(settlement.kind, Settlement::Kind::kPaid);
  EXPECT_EQ(settlement.sequence, kClaim.sequence);
  EXPECT_EQ(settlement.attempt, kClaim.attempt);
  EXPECT_EQ(metrics_.paid.Value(), 1);
}

TEST_F(PaymentCallerTest, SettlesARefusalWithItsReason) {
  answer(Kind::kRefused, "payments in EUR are not accepted");
  const Settlement settlement = pay();
  EXPECT_EQ(settlement.kind, Settlement::Kind::kRefused);
  EXPECT_EQ(settlement.sequence, kClaim.sequence);
  EXPECT_EQ(settlement.attempt, kClaim.attempt);
  EXPECT_EQ(settlement.refusal, "payments in EUR are not accepted");
  EXPECT_EQ(metrics_.refused.Value(), 1);
}

TEST_F(PaymentCallerTest, RetriesAnUnknownOutcomeAfterTheDelayOfItsAttempt) {
  answer(Kind::kUnknown, "timed out");
  const Settlement settlement = pay();
  EXPECT_EQ(settlement.kind, Settlement::Kind::kRetry);
  EXPECT_EQ(settlement.sequence, kClaim.sequence);
  EXPECT_EQ(settlement.attempt, kClaim.attempt);
  EXPECT_GE(settlement.retry_at, clock_.now());
  EXPECT_LE(settlement.retry_at, clock_.now() + 2 * kOptions.retry.first_backoff);
  EXPECT_EQ(metrics_.unknown.Value(), 1);
}

TEST_F(PaymentCallerTest, MakesRetriesWaitThatExceedTheBudget) {
  PaymentCallerOptions options = kOptions;
  options.retry = {.first_backoff = 0ms,
                   .retries_per_call = 0,
                   .max_saved_retries = 1,
                   .longest_budget_wait = 3s};
  options.retry.retries_per_second = 0.001;
  PaymentCaller caller(clock_, metrics_, options);
  answer(Kind::kUnknown, "timed out");
  const auto retry_at = [&] { return caller.pay(*gateway_, kClaim, clock_.now() + 10s).retry_at; };
  EXPECT_EQ(retry_at(), clock_.now());
  EXPECT_EQ(retry_at(), clock_.now() + 3s);
}

TEST_F(PaymentCallerTest, TakesAnExceptionOfTheGatewayForAnUnknownOutcome) {
  gateways_.answer_with(
      [](const Claim&, int) -> PaymentAnswer { throw std::runtime_error("out of sockets"); });
  EXPECT_EQ(pay().kind, Settlement::Kind::kRetry);
  EXPECT_EQ(metrics_.unknown.Value(), 1);
  EXPECT_EQ(caller_.breaker().last_failure(), "out of sockets");
}

TEST_F(PaymentCallerTest, BeginsNoCallThatItsLeaseMayNotOutlast) {
  expect_given_back(pay(kOptions.longest_call - 1ms));
  EXPECT_EQ(gateways_.calls(), 0);
  EXPECT_EQ(pay(kOptions.longest_call).kind, Settlement::Kind::kPaid);
}

TEST_F(PaymentCallerTest, MakesNoCallWhileTheBreakerIsOpenUntilATrialSucceeds) {
  answer(Kind::kUnknown, "timed out");
  for (int i = 0; i < 3; ++i) pay();
  EXPECT_EQ(metrics_.breaker_open.Value(), 1);
  expect_given_back(pay());
  EXPECT_EQ(gateways_.calls(), 3);
  EXPECT_EQ(metrics_.unknown.Value(), 3);

  caller_.breaker().try_again();
  pay();
  EXPECT_EQ(gateways_.calls(), 4);
  EXPECT_EQ(metrics_.breaker_open.Value(), 1);

  caller_.breaker().try_again();
  answer(Kind::kPaid);
  EXPECT_EQ(pay().kind, Settlement::Kind::kPaid);
  EXPECT_EQ(metrics_.breaker_open.Value(), 0);
}

TEST_F(PaymentCallerTest, TakesARefusalForASignThatTheProviderWorks) {
  answer(Kind::kUnknown);
  for (int i = 0; i < 2; ++i) pay();
  answer(Kind::kRefused);
  pay();
  answer(Kind::kUnknown);
  for (int i = 0; i < 2; ++i) pay();
  EXPECT_EQ(metrics_.breaker_open.Value(), 0);
}

}  // namespace
}  // namespace invoice_app
