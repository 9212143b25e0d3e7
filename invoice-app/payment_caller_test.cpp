#include "invoice-app/payment_caller.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

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

constexpr PaymentCallerOptions kCallerOptions{
    .longest_call = 6s,
    .breaker = {.failures_to_open = 3, .first_pause = 1h, .longest_pause = 1h},
    .retry = {.first_backoff = 10ms}};

// I1 .. I<count>, each at its first attempt.
std::vector<Claim> claims(std::int64_t count) {
  std::vector<Claim> claims;
  for (std::int64_t i = 1; i <= count; ++i) {
    claims.push_back({.sequence = i,
                      .id = "I" + std::to_string(i),
                      .amount = kClaim.amount,
                      .generation = 1,
                      .attempt = 1});
  }
  return claims;
}

class PaymentCallerTest : public testing::Test {
 protected:
  // Pays kClaim under a lease that is left for so long.
  Settlement pay(std::chrono::milliseconds lease_left = 10s) {
    return pay({kClaim}, lease_left).front();
  }
  std::vector<Settlement> pay(const std::vector<Claim>& claims,
                              std::chrono::milliseconds lease_left = 10s) {
    return caller_.pay(*gateway_, claims, clock_.now() + lease_left);
  }

  void answer(Kind kind, const std::string& reason = "") {
    gateways_.answer_with([=](const Claim&, int) -> PaymentAnswer { return {kind, reason}; });
  }

  void expect_given_back(const Settlement& settlement, const Claim& claim = kClaim) const {
    EXPECT_EQ(settlement.kind, Settlement::Kind::kRetry);
    EXPECT_EQ(settlement.sequence, claim.sequence);
    EXPECT_EQ(settlement.attempt, claim.attempt);
    EXPECT_EQ(settlement.retry_at, clock_.now());
  }

  tests::FakeClock clock_;
  prometheus::Registry registry_;
  PayMetrics metrics_{registry_};
  FakePaymentGateways gateways_;
  const std::unique_ptr<PaymentGateway> gateway_ = gateways_.factory()();
  PaymentCaller caller_{clock_, metrics_, kCallerOptions};
};

TEST_F(PaymentCallerTest, SettlesAConfirmedPaymentAsPaid) {
  const Settlement settlement = pay();
  EXPECT_EQ(settlement.kind, Settlement::Kind::kPaid);
  EXPECT_EQ(settlement.sequence, kClaim.sequence);
  EXPECT_EQ(settlement.attempt, kClaim.attempt);
  EXPECT_EQ(metrics_.paid.Value(), 1);
  EXPECT_EQ(metrics_.retries.Value(), 0);
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
  EXPECT_LE(settlement.retry_at, clock_.now() + 2 * kCallerOptions.retry.first_backoff);
  EXPECT_EQ(metrics_.unknown.Value(), 1);
  EXPECT_EQ(metrics_.retries.Value(), 1);
  EXPECT_EQ(metrics_.calls_in_flight.Value(), 0);
}

TEST_F(PaymentCallerTest, MakesRetriesWaitThatExceedTheBudget) {
  PaymentCallerOptions options = kCallerOptions;
  options.retry = {.first_backoff = 0ms,
                   .retries_per_call = 0,
                   .max_saved_retries = 1,
                   .longest_budget_wait = 3s};
  options.retry.retries_per_second = 0.001;
  PaymentCaller caller(clock_, metrics_, options);
  answer(Kind::kUnknown, "timed out");
  const auto retry_at = [&] {
    return caller.pay(*gateway_, {&kClaim, 1}, clock_.now() + 10s).front().retry_at;
  };
  EXPECT_EQ(retry_at(), clock_.now());
  EXPECT_EQ(retry_at(), clock_.now() + 3s);
}

// Without a connection, no provider has been slow with a payment.
TEST_F(PaymentCallerTest, ABatchThatWasNotSentSaysNothingAboutBatches) {
  class Unconnected : public PaymentGateway {
    PaymentAnswer pay(const Claim&) override { return {Kind::kUnknown, "can't connect"}; }
    BatchAnswer pay_batch(std::span<const Claim> claims) override {
      return {.answers = {claims.size(), {Kind::kUnknown, "can't connect"}}, .is_sent = false};
    }
  };
  Unconnected gateway;
  const std::size_t limit = caller_.batch_limit();
  caller_.pay(gateway, claims(2), clock_.now() + 10s);
  EXPECT_EQ(caller_.batch_limit(), limit);
}

TEST_F(PaymentCallerTest, TakesAnExceptionOfTheGatewayForAnUnknownOutcome) {
  gateways_.answer_with(
      [](const Claim&, int) -> PaymentAnswer { throw std::runtime_error("out of sockets"); });
  EXPECT_EQ(pay().kind, Settlement::Kind::kRetry);
  EXPECT_EQ(metrics_.unknown.Value(), 1);
  EXPECT_EQ(caller_.breaker().last_failure(), "out of sockets");
}

TEST_F(PaymentCallerTest, BeginsNoCallThatItsLeaseMayNotOutlast) {
  expect_given_back(pay(kCallerOptions.longest_call - 1ms));
  EXPECT_EQ(gateways_.calls(), 0);
  EXPECT_EQ(pay(kCallerOptions.longest_call).kind, Settlement::Kind::kPaid);
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

// ---- Batches ----

TEST_F(PaymentCallerTest, SettlesEachPaymentOfABatchByItsOwnAnswer) {
  gateways_.answer_with([](const Claim& claim, int) -> PaymentAnswer {
    if (claim.id == "I1") return {Kind::kPaid};
    if (claim.id == "I2") return {Kind::kRefused, "no"};
    return {Kind::kUnknown, "no result"};
  });
  const auto settlements = pay(claims(4));
  ASSERT_EQ(settlements.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(settlements[i].sequence, static_cast<std::int64_t>(i + 1));
    EXPECT_EQ(settlements[i].attempt, 1);
  }
  EXPECT_EQ(settlements[0].kind, Settlement::Kind::kPaid);
  EXPECT_EQ(settlements[1].kind, Settlement::Kind::kRefused);
  EXPECT_EQ(settlements[1].refusal, "no");
  EXPECT_EQ(settlements[2].kind, Settlement::Kind::kRetry);
  EXPECT_EQ(settlements[3].kind, Settlement::Kind::kRetry);
  EXPECT_EQ(settlements[2].retry_at, settlements[3].retry_at) << "they can share a batch again";
  EXPECT_EQ(metrics_.paid.Value(), 1);
  EXPECT_EQ(metrics_.refused.Value(), 1);
  EXPECT_EQ(metrics_.unknown.Value(), 2);
  EXPECT_EQ(gateways_.batch_sizes(), std::vector<std::size_t>{4});
  EXPECT_EQ(caller_.breaker().last_failure(), "") << "the provider works";
}

TEST_F(PaymentCallerTest, SendsASinglePaymentWithoutABatch) {
  EXPECT_EQ(pay(claims(1)).front().kind, Settlement::Kind::kPaid);
  EXPECT_TRUE(gateways_.batch_sizes().empty());
}

TEST_F(PaymentCallerTest, GivesABatchBackThatTheProviderDoesNotTakeAndGoesOneByOne) {
  gateways_.take_batches(false);
  EXPECT_GT(caller_.batch_limit(), 1U);
  const auto settlements = pay(claims(3));
  ASSERT_EQ(settlements.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) expect_given_back(settlements[i], claims(3)[i]);
  EXPECT_EQ(caller_.batch_limit(), 1U);
  EXPECT_EQ(metrics_.unknown.Value(), 0);
}

// A proxy may send 404 while the provider is away: it is no sign that the provider works.
TEST_F(PaymentCallerTest, DoesNotCloseTheBreakerForABatchThatIsNotTaken) {
  answer(Kind::kUnknown, "timed out");
  for (int i = 0; i < 3; ++i) pay();
  caller_.breaker().try_again();
  gateways_.take_batches(false);
  pay(claims(2));
  EXPECT_EQ(metrics_.breaker_open.Value(), 1);
}

TEST_F(PaymentCallerTest, CountsABatchWithoutAnyAnswerAsOneFailureAndSendsSmallerOnes) {
  const std::size_t limit = caller_.batch_limit();
  answer(Kind::kUnknown, "timed out");
  pay(claims(static_cast<std::int64_t>(limit)));
  EXPECT_EQ(caller_.batch_limit(), limit / 2);
  EXPECT_EQ(metrics_.breaker_open.Value(), 0);
  for (int i = 0; i < 2; ++i) pay(claims(2));
  EXPECT_EQ(metrics_.breaker_open.Value(), 1);
}

TEST_F(PaymentCallerTest, TakesAnExceptionOfTheGatewayForAnUnknownOutcomeOfTheWholeBatch) {
  gateways_.answer_with(
      [](const Claim&, int) -> PaymentAnswer { throw std::runtime_error("out of sockets"); });
  const auto settlements = pay(claims(2));
  ASSERT_EQ(settlements.size(), 2U);
  for (const Settlement& settlement : settlements) {
    EXPECT_EQ(settlement.kind, Settlement::Kind::kRetry);
  }
}

}  // namespace
}  // namespace invoice_app
