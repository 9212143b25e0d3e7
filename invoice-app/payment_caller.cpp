#include "invoice-app/payment_caller.h"

#include <algorithm>
#include <exception>

#include "common/log/log.h"

namespace invoice_app {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Kind = PaymentAnswer::Kind;

namespace {

// Unknown outcomes of one call mostly have one reason, so they share a log line.
void log_unknown(std::span<const Claim> claims, const std::vector<PaymentAnswer>& answers) {
  const auto is_unknown = [](const PaymentAnswer& answer) { return answer.kind == Kind::kUnknown; };
  const auto first = std::find_if(answers.begin(), answers.end(), is_unknown);
  if (first == answers.end()) return;
  const Claim& claim = claims[static_cast<std::size_t>(first - answers.begin())];
  common::log_warn("outcome of payments is unknown; they are retried with the same keys",
                   {{"payments", std::count_if(first, answers.end(), is_unknown)},
                    {"first_invoice_id", claim.id},
                    {"attempt", claim.attempt},
                    {"reason", first->reason}});
}

}  // namespace

std::vector<Settlement> PaymentCaller::pay(PaymentGateway& gateway, std::span<const Claim> claims,
                                           common::WallTime lease_until) {
  const bool ends_too_soon = lease_until - clock_.now() < options_.longest_call;
  if (ends_too_soon || breaker_.state(steady_clock::now()) == CircuitBreaker::State::kOpen) {
    return retry_now(claims);
  }
  const BatchAnswer answer = call(gateway, claims);
  if (answer.not_taken) return retry_now(claims);
  return settle(claims, answer.answers);
}

BatchAnswer PaymentCaller::call(PaymentGateway& gateway, std::span<const Claim> claims) {
  retry_policy_.on_call();
  breaker_.on_call();
  metrics_.calls_in_flight.Increment();
  BatchAnswer answer;
  const auto start = steady_clock::now();
  try {
    if (claims.size() == 1) {
      answer.answers = {gateway.pay(claims.front())};
    } else {
      answer = gateway.pay_batch(claims);
    }
  } catch (const std::exception& error) {
    answer = {.answers = {claims.size(), {Kind::kUnknown, error.what()}}};
  }
  const auto duration = steady_clock::now() - start;
  metrics_.calls_in_flight.Decrement();
  metrics_.call_seconds.Observe(std::chrono::duration<double>(duration).count());
  report(answer, claims.size(), duration);
  return answer;
}

void PaymentCaller::report(const BatchAnswer& answer, std::size_t size,
                           steady_clock::duration duration) {
  const auto now = steady_clock::now();
  const auto known = std::find_if(answer.answers.begin(), answer.answers.end(),
                                  [](const auto& one) { return one.kind != Kind::kUnknown; });
  if (answer.not_taken) {
    breaker_.on_no_verdict();
    if (batch_size_.on_not_taken(now)) {
      common::log_warn("payment-provider did not take a batch; payments go one by one for a while",
                       {{"payments", size}, {"reason", *answer.not_taken}});
    }
  } else if (known == answer.answers.end()) {
    if (answer.is_sent) batch_size_.on_failure(size, duration, now);
    if (breaker_.on_failure(now, answer.answers.front().reason, duration)) {
      common::log_error("payment-provider fails; calls stop, except for one trial at a time",
                        {{"reason", answer.answers.front().reason}});
    }
  } else {
    if (batch_size_.on_answer(size, duration, now)) {
      common::log_info("payment-provider takes batches again");
    }
    if (breaker_.on_success()) common::log_info("payment-provider works again");
  }
  metrics_.breaker_open.Set(breaker_.state(now) == CircuitBreaker::State::kClosed ? 0 : 1);
}

std::vector<Settlement> PaymentCaller::settle(std::span<const Claim> claims,
                                              const std::vector<PaymentAnswer>& answers) {
  std::vector<Settlement> settlements;
  settlements.reserve(claims.size());
  std::optional<milliseconds> delay;  // one for the call, so they can share the next one
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const Claim& claim = claims[i];
    Settlement settlement{
        .kind = Settlement::Kind::kPaid, .sequence = claim.sequence, .attempt = claim.attempt};
    switch (answers[i].kind) {
      case Kind::kPaid:
        metrics_.paid.Increment();
        common::log_debug("invoice paid", {{"invoice_id", claim.id}, {"attempt", claim.attempt}});
        break;
      case Kind::kRefused:
        metrics_.refused.Increment();
        common::log_warn("payment refused by the provider",
                         {{"invoice_id", claim.id}, {"reason", answers[i].reason}});
        settlement.kind = Settlement::Kind::kRefused;
        settlement.refusal = answers[i].reason;
        break;
      case Kind::kUnknown:
        metrics_.unknown.Increment();
        if (!delay) delay = retry_policy_.next_delay(claim.attempt, steady_clock::now());
        settlement = retry_after(*delay, claim);
        break;
    }
    settlements.push_back(std::move(settlement));
  }
  log_unknown(claims, answers);
  return settlements;
}

Settlement PaymentCaller::retry_after(milliseconds delay, const Claim& claim) const {
  metrics_.retries.Increment();
  return {.kind = Settlement::Kind::kRetry,
          .sequence = claim.sequence,
          .attempt = claim.attempt,
          .retry_at = clock_.now() + delay};
}

std::vector<Settlement> PaymentCaller::retry_now(std::span<const Claim> claims) const {
  std::vector<Settlement> settlements;
  settlements.reserve(claims.size());
  for (const Claim& claim : claims) settlements.push_back(retry_after(milliseconds(0), claim));
  return settlements;
}

}  // namespace invoice_app
