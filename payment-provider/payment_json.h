// Payments as JSON: reads orders, and writes outcomes and entries of the ledger. Thread-safe.

#ifndef PAYMENT_PROVIDER_PAYMENT_JSON_H_
#define PAYMENT_PROVIDER_PAYMENT_JSON_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/message.h"
#include "common/json/json.h"
#include "common/json/payable.h"
#include "payment-provider/ledger.h"
#include "payment-provider/payment.h"

namespace payment_provider {

// Reads the id and the amount of a payment, also one in a withdrawn currency: the ledger may have
// it, and a retry must get the recorded decision. find_refusal() refuses it if it is new. Throws
// BadRequest, which names the wrong member.
common::Payable read_payment(const common::JsonValue& object);

// Reads the body of a batch: an array of 1 to kMaxBatchPayments objects. Each is a payment with its
// "idempotencyKey", 1 to kMaxIdempotencyKeyBytes printable ASCII characters, which may contain
// quotes. Throws BadRequest, which names the wrong element (from 1) and member.
std::vector<PaymentOrder> read_batch(std::string_view body, const PaymentRules& rules);

// The response to a single payment: 200, or a problem.
common::HttpResponse to_response(const PaymentOrder& order, const PaymentOutcome& outcome);

// The response to a batch: 207 with one result per order, in the same order. A result has the id,
// the key and the status that the order alone would get, and the members of its problem.
common::HttpResponse to_response(std::span<const PaymentOrder> orders,
                                 std::span<const PaymentOutcome> outcomes);

// An entry of GET /payments without a query.
void append_json(std::string& out, const LedgerEntry& entry);

// The same entry with its status and, if it was refused, the reason.
void append_detailed_json(std::string& out, const LedgerEntry& entry);

// The text of a status, in JSON and in queries.
constexpr std::string_view to_text(PaymentStatus status) {
  return status == PaymentStatus::kAccepted ? "accepted" : "refused";
}

// An array of totals. One in a currency that this program does not know has no sum: the number of
// its decimals is not known.
std::string to_json(std::span<const LedgerTotal> totals);

}  // namespace payment_provider

#endif  // PAYMENT_PROVIDER_PAYMENT_JSON_H_
