// PaymentGateway over HTTP: POST /payments/pay with an Idempotency-Key
// (draft-ietf-httpapi-idempotency-key-header), and POST /payments/batch. Calls carry the request
// id and the trace of the thread's RequestScope. Not thread-safe.

#ifndef INVOICE_APP_HTTP_PAYMENT_GATEWAY_H_
#define INVOICE_APP_HTTP_PAYMENT_GATEWAY_H_

#include <optional>
#include <span>
#include <string>

#include "common/http/client.h"
#include "invoice-app/payment_gateway.h"

namespace invoice_app {

// The meaning of the response to a payment:
// - 200 with JSON that has the invoice's id: paid
// - 400, 402 or 422 without an HTML body (a proxy sends HTML): refused
// - anything else: unknown, because a proxy, a crash or a bug can cause it
PaymentAnswer interpret(const common::HttpResult& result, const std::string& invoice_id);

// The meaning of the response to a batch:
// - 207 with a JSON array of results: for each claim, the status of the result that echoes its id
//   and its key, as for a single payment. If there is none, or more than one: unknown. The order of
//   the results has no meaning.
// - no response, 401, 403, 429, 502, 503 or 504: unknown for all
// - any other response: the provider does not take the batch. That says nothing about its payments,
//   so each must be sent again, alone.
BatchAnswer interpret_batch(const common::HttpResult& result, std::span<const Claim> claims);

class HttpPaymentGateway : public PaymentGateway {
 public:
  HttpPaymentGateway(common::HttpClientOptions options, std::optional<std::string> bearer_token);

  PaymentAnswer pay(const Claim& claim) override;
  BatchAnswer pay_batch(std::span<const Claim> claims) override;

 private:
  common::HttpHeaders headers() const;

  common::HttpClient client_;
  const std::optional<std::string> bearer_token_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_HTTP_PAYMENT_GATEWAY_H_
