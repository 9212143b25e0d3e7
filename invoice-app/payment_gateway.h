// The way to whoever takes the payments. Says what is known after one attempt, no more.

#ifndef INVOICE_APP_PAYMENT_GATEWAY_H_
#define INVOICE_APP_PAYMENT_GATEWAY_H_

#include <functional>
#include <memory>
#include <string>

#include "invoice-app/invoice.h"

namespace invoice_app {

struct PaymentAnswer {
  enum class Kind {
    kPaid,     // the provider has confirmed this very payment
    kRefused,  // the provider has decided against it, and says the same to any retry
    kUnknown,  // anything else: it may or may not be paid, and must be asked again with the same
               // key
  };
  Kind kind;
  std::string reason = {};  // kRefused, kUnknown: for logs and for the operator
};

// Not thread-safe: each worker has its own, with its own connection.
class PaymentGateway {
 public:
  virtual ~PaymentGateway() = default;

  // One attempt, bounded in time; never throws for what the provider or the network does.
  virtual PaymentAnswer pay(const Claim& claim) = 0;
};

// Thread-safe.
using PaymentGatewayFactory = std::function<std::unique_ptr<PaymentGateway>()>;

}  // namespace invoice_app

#endif  // INVOICE_APP_PAYMENT_GATEWAY_H_
