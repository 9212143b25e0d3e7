#include "invoice-app/payment_caller.h"

#include <exception>

#include "common/log/log.h"

namespace invoice_app {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

Settlement PaymentCaller::pay(PaymentGateway& gateway, const Claim& claim,
                              common::WallTime lease_until) {
  const bool ends_too_soon = lease_until - clock_.now() < options_.longest_call;
  if (ends_too_soon || breaker_.state(steady_clock::now()) == CircuitBreaker::State::kOpen) {
    return retry_after(milliseconds(0), claim);
  }
  const PaymentAnswer answer = call(gateway, claim);
  Settlement settlement{
      .kind = Settlement::Kind::kPaid, .sequence = claim.sequence, .attempt = claim.attempt};
  switch (answer.kind) {
    case PaymentAnswer::Kind::kPaid:
      metrics_.paid.Increment();
      common::log_debug("invoice paid", {{"invoice_id", claim.id}, {"attempt", claim.attempt}});
      break;
    case PaymentAnswer::Kind::kRefused:
      metrics_.refused.Increment();
      common::log_warn("payment refused by the provider",
                       {{"invoice_id", claim.id}, {"reason", answer.reason}});
      settlement.kind = Settlement::Kind::kRefused;
      settlement.refusal = answer.reason;
      break;
    case PaymentAnswer::Kind::kUnknown:
      metrics_.unknown.Increment();
      common::log_warn(
          "outcome of a payment is unknown; it is retried with the same key",
          {{"invoice_id", claim.id}, {"attempt", claim.attempt}, {"reason", answer.reason}});
      return retry_after(retry_policy_.next_delay(claim.attempt, steady_clock::now()), claim);
  }
  return settlement;
}

PaymentAnswer PaymentCaller::call(PaymentGateway& gateway, const Claim& claim) {
  retry_policy_.on_call();
  breaker_.on_call();
  PaymentAnswer answer{PaymentAnswer::Kind::kUnknown};
  const auto start = steady_clock::now();
  try {
    answer = gateway.pay(claim);
  } catch (const std::exception& error) {
    answer.reason = error.what();
  }
  metrics_.call_seconds.Observe(std::chrono::duration<double>(steady_clock::now() - start).count());
  report_to_breaker(answer);
  return answer;
}

void PaymentCaller::report_to_breaker(const PaymentAnswer& answer) {
  const auto now = steady_clock::now();
  if (answer.kind == PaymentAnswer::Kind::kUnknown) {
    if (breaker_.on_failure(now, answer.reason)) {
      common::log_error("payment-provider fails; calls stop, except for one trial at a time",
                        {{"reason", answer.reason}});
    }
  } else if (breaker_.on_success()) {
    common::log_info("payment-provider works again");
  }
  metrics_.breaker_open.Set(breaker_.state(now) == CircuitBreaker::State::kClosed ? 0 : 1);
}

Settlement PaymentCaller::retry_after(milliseconds delay, const Claim& claim) const {
  return {.kind = Settlement::Kind::kRetry,
          .sequence = claim.sequence,
          .attempt = claim.attempt,
          .retry_at = clock_.now() + delay};
}

}  // namespace invoice_app
