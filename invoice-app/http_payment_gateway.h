// PaymentGateway over HTTP: POST /payments/pay with an Idempotency-Key
// (draft-ietf-httpapi-idempotency-key-header). Not thread-safe.

#ifndef INVOICE_APP_HTTP_PAYMENT_GATEWAY_H_
#define INVOICE_APP_HTTP_PAYMENT_GATEWAY_H_

#include <optional>
#include <string>

#include "common/http/client.h"
#include "invoice-app/payment_gateway.h"

namespace invoice_app {

// The meaning of the response to a payment:
// - 200 with JSON that has the invoice's id: paid
// - 400, 402 or 422 without an HTML body (a proxy sends HTML): refused
// - anything else: unknown, because a proxy, a crash or a bug can cause it
PaymentAnswer interpret(const common::HttpResult& result, const std::string& invoice_id);

class HttpPaymentGateway : public PaymentGateway {
 public:
  HttpPaymentGateway(common::HttpClientOptions options, std::optional<std::string> bearer_token);

  PaymentAnswer pay(const Claim& claim) override;

 private:
  common::HttpClient client_;
  const std::optional<std::string> bearer_token_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_HTTP_PAYMENT_GATEWAY_H_
