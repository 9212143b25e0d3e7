// Reads the ledger of payment-provider over HTTP: GET /payments?limit=1000&cursor=…

#ifndef INVOICE_APP_HTTP_PAYMENT_LEDGER_H_
#define INVOICE_APP_HTTP_PAYMENT_LEDGER_H_

#include <chrono>
#include <optional>
#include <string>

#include "common/http/client.h"
#include "invoice-app/audit.h"

namespace invoice_app {

// The page in a response. Throws common::Unavailable, which says what is wrong, unless the response
// is 200 with a JSON array of at most kMaxPageElements accepted payments, and its Link, if it has
// one, leads to a next page.
LedgerPage interpret_ledger_page(const common::HttpResult& result);

// Not thread-safe.
class HttpPaymentLedger {
 public:
  // Before each further attempt of a call it waits for `pause`, and twice as long each time.
  HttpPaymentLedger(common::HttpClientOptions options,
                    const std::optional<std::string>& bearer_token,
                    std::chrono::milliseconds pause = std::chrono::milliseconds(250));

  // As ReadLedgerPage says. Makes up to kAttempts calls if there is no response, or if it is 502,
  // 503 or 504.
  LedgerPage page(const std::optional<std::string>& cursor);

  static constexpr int kAttempts = 4;

 private:
  common::HttpClient client_;
  common::HttpHeaders headers_;
  const std::chrono::milliseconds pause_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_HTTP_PAYMENT_LEDGER_H_
