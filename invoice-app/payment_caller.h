// Makes one attempt at a payment. Returns the settlement: paid, refused, or the time of the next
// attempt.
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
  // The longest time of PaymentGateway::pay(). No call starts if the lease ends earlier than this.
  std::chrono::milliseconds longest_call{6'000};
  CircuitBreakerOptions breaker = {};
  RetryPolicyOptions retry = {};

  // The lease must be longer than a call, or no call could start. It must be longer than every
  // retry delay, because InvoiceStore::claim treats a time far in the future as expired: the clock
  // was set back.
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

  // Calls the provider. If the lease ends too soon or the breaker is open, makes no call and
  // returns kRetry for now. An exception of the gateway counts as unknown. `gateway` belongs to the
  // calling thread.
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
