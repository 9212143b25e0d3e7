// Makes one attempt at a payment and says what to settle: whether the payment is paid or refused,
// or when to make the next attempt.
//
// Thread-safe: many threads share one, so that the circuit breaker and the retry budget see all
// calls of this process.

#ifndef INVOICE_APP_PAYMENT_CALLER_H_
#define INVOICE_APP_PAYMENT_CALLER_H_

#include <chrono>

#include "common/base/clock.h"
#include "invoice-app/circuit_breaker.h"
#include "invoice-app/invoice.h"
#include "invoice-app/pay_metrics.h"
#include "invoice-app/payment_gateway.h"
#include "invoice-app/retry_policy.h"

namespace invoice_app {

struct PaymentCallerOptions {
  // The longest time that PaymentGateway::pay() takes. No call begins when its lease ends sooner.
  std::chrono::milliseconds longest_call{6'000};
  CircuitBreakerOptions breaker = {};
  RetryPolicyOptions retry = {};

  // A lease must last longer than a call, else no call would ever begin; and longer than every
  // retry delay, because a store takes a much later time for one written before the clock was set
  // back (InvoiceStore::claim).
  constexpr bool fit_into(std::chrono::milliseconds lease) const {
    return longest_call < lease && retry.longest_delay() < lease;
  }
};

class PaymentCaller {
 public:
  // The references must outlive this.
  PaymentCaller(const common::Clock& clock, PayMetrics& metrics, PaymentCallerOptions options = {})
      : clock_(clock),
        metrics_(metrics),
        options_(options),
        breaker_(options.breaker),
        retry_policy_(options.retry) {}

  // Calls the provider, unless the lease ends too soon or the breaker is open: then the claim is
  // given back, to be claimed again at once. An exception of the gateway is an unknown outcome.
  // `gateway` belongs to the calling thread.
  Settlement pay(PaymentGateway& gateway, const Claim& claim, common::WallTime lease_until);

  CircuitBreaker& breaker() { return breaker_; }
  const CircuitBreaker& breaker() const { return breaker_; }

 private:
  PaymentAnswer call(PaymentGateway& gateway, const Claim& claim);
  void report_to_breaker(const PaymentAnswer& answer);
  Settlement retry_after(std::chrono::milliseconds delay, const Claim& claim) const;

  const common::Clock& clock_;
  PayMetrics& metrics_;
  const PaymentCallerOptions options_;
  CircuitBreaker breaker_;
  RetryPolicy retry_policy_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_PAYMENT_CALLER_H_
