// The ledger: every payment decision, durable before it is answered, and at most one accepted
// payment for each invoice.
//
// Thread-safe, and safe to use from several processes on the same storage. Every call may throw
// common::Unavailable when the storage can't be used.

#ifndef PAYMENT_PROVIDER_LEDGER_H_
#define PAYMENT_PROVIDER_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "payment-provider/payment.h"

namespace payment_provider {

class Ledger {
 public:
  virtual ~Ledger() = default;

  // Decides the orders one after the other, as below, in one transaction, and returns the outcomes
  // in the same order once they are durable. When it throws, none of them is known to be recorded.
  //
  // - known key, same invoice and amount: the recorded outcome, replayed
  // - known key, anything else differs: kKeyReused
  // - new key, invoice already paid: replayed kAccepted if the amount is the same, else
  //   kAmountMismatch
  // - new key, order has a refusal: recorded as kRefused
  // - else: recorded as kAccepted
  virtual std::vector<PaymentOutcome> record(std::span<const PaymentOrder> orders) = 0;

  // Accepted payments with a sequence over `after`, oldest first, at most `limit`.
  virtual std::vector<LedgerEntry> list(std::int64_t after, std::size_t limit) = 0;

  // Returns when the storage can be read and written now, else throws. For readiness.
  virtual void check() = 0;
};

}  // namespace payment_provider

#endif  // PAYMENT_PROVIDER_LEDGER_H_
