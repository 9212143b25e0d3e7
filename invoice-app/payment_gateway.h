// Sends payments to the provider, one or many in a call. A PaymentAnswer is the outcome of one
// attempt to pay one invoice.

#ifndef INVOICE_APP_PAYMENT_GATEWAY_H_
#define INVOICE_APP_PAYMENT_GATEWAY_H_

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "invoice-app/invoice.h"

namespace invoice_app {

struct PaymentAnswer {
  enum class Kind {
    kPaid,     // the provider has confirmed exactly this payment
    kRefused,  // the provider has refused it; final for this key
    kUnknown,  // everything else: it may or may not be paid; retry with the same key
  };
  Kind kind;
  std::string reason = {};  // kRefused, kUnknown: for logs and for the operator
};

struct BatchAnswer {
  // One for each claim, in the order of the claims; empty if the provider does not take the batch.
  std::vector<PaymentAnswer> answers = {};
  // Set if the provider does not take batches, or not this one: pay one by one. For logs.
  std::optional<std::string> not_taken = {};
  // False if the provider got nothing of it, because there was no connection.
  bool is_sent = true;
};

// Not thread-safe: each thread has its own, with its own connection. A call takes at most
// PaymentCallerOptions::longest_call. If the provider or the network fails, the answers are
// kUnknown; no function throws then.
class PaymentGateway {
 public:
  virtual ~PaymentGateway() = default;

  virtual PaymentAnswer pay(const Claim& claim) = 0;

  // Pays 1 to common::kMaxBatchPayments claims in one call. Two of one invoice are kUnknown.
  virtual BatchAnswer pay_batch(std::span<const Claim> claims) = 0;
};

// Thread-safe.
using PaymentGatewayFactory = std::function<std::unique_ptr<PaymentGateway>()>;

}  // namespace invoice_app

#endif  // INVOICE_APP_PAYMENT_GATEWAY_H_
