// Makes one call for one or more payments. Returns their settlements: paid, refused, or the time of
// the next attempt.
//
// Thread-safe: many threads share one, so that the circuit breaker, the retry budget and the size
// of batches see all calls of this process.

#ifndef INVOICE_APP_PAYMENT_CALLER_H_
#define INVOICE_APP_PAYMENT_CALLER_H_

#include <chrono>
#include <cstddef>
#include <span>
#include <vector>

#include "common/base/clock.h"
#include "invoice-app/batch_size.h"
#include "invoice-app/circuit_breaker.h"
#include "invoice-app/invoice.h"
#include "invoice-app/pay_metrics.h"
#include "invoice-app/payment_gateway.h"
#include "invoice-app/retry_policy.h"

namespace invoice_app {

struct PaymentCallerOptions {
  // The longest time of a call of PaymentGateway. No call starts if the lease ends earlier than
  // this.
  std::chrono::milliseconds longest_call{6'000};
  CircuitBreakerOptions breaker = {};
  RetryPolicyOptions retry = {};
  BatchSizeOptions batch = {};

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
        retry_policy_(options.retry),
        batch_size_(options.batch) {}

  // Calls the provider once; a single claim is not sent as a batch. Returns the settlements in the
  // order of the claims. If the lease ends too soon, the breaker is open, or the provider does not
  // take the batch, they are kRetry for now. An exception of the gateway counts as unknown.
  // `gateway` belongs to the calling thread.
  std::vector<Settlement> pay(PaymentGateway& gateway, std::span<const Claim> claims,
                              common::WallTime lease_until);

  // The most claims for one call now.
  std::size_t batch_limit() const { return batch_size_.limit(std::chrono::steady_clock::now()); }

  CircuitBreaker& breaker() { return breaker_; }
  const CircuitBreaker& breaker() const { return breaker_; }

 private:
  BatchAnswer call(PaymentGateway& gateway, std::span<const Claim> claims);
  void report(const BatchAnswer& answer, std::size_t size,
              std::chrono::steady_clock::duration duration);
  std::vector<Settlement> settle(std::span<const Claim> claims,
                                 const std::vector<PaymentAnswer>& answers);
  Settlement retry_after(std::chrono::milliseconds delay, const Claim& claim) const;
  std::vector<Settlement> retry_now(std::span<const Claim> claims) const;

  const common::Clock& clock_;
  PayMetrics& metrics_;
  const PaymentCallerOptions options_;
  CircuitBreaker breaker_;
  RetryPolicy retry_policy_;
  BatchSize batch_size_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_PAYMENT_CALLER_H_
