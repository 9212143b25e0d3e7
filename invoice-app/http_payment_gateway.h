// PaymentGateway over HTTP: POST /payments/pay with an Idempotency-Key
// (draft-ietf-httpapi-idempotency-key-header).

#ifndef INVOICE_APP_HTTP_PAYMENT_GATEWAY_H_
#define INVOICE_APP_HTTP_PAYMENT_GATEWAY_H_

#include <optional>
#include <string>

#include "common/http/client.h"
#include "invoice-app/payment_gateway.h"

namespace invoice_app {

// What an answer to a payment means. Paid is 200 with JSON that echoes the invoice's id; refused is
// 400, 402 or 422, unless it is a page of HTML, which comes from something in between. All else is
// unknown: an intermediary, a crash or a bug may have made it.
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
