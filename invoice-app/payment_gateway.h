// Sends payments to the provider. A PaymentAnswer is the outcome of one attempt.

#ifndef INVOICE_APP_PAYMENT_GATEWAY_H_
#define INVOICE_APP_PAYMENT_GATEWAY_H_

#include <functional>
#include <memory>
#include <string>

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

// Not thread-safe: each thread has its own, with its own connection.
class PaymentGateway {
 public:
  virtual ~PaymentGateway() = default;

  // Makes one attempt, within PaymentCallerOptions::longest_call. Exception: the resolution of the
  // provider's name has no limit of ours. If the provider or the network fails, returns kUnknown
  // and does not throw.
  virtual PaymentAnswer pay(const Claim& claim) = 0;
};

// Thread-safe.
using PaymentGatewayFactory = std::function<std::unique_ptr<PaymentGateway>()>;

}  // namespace invoice_app

#endif  // INVOICE_APP_PAYMENT_GATEWAY_H_
