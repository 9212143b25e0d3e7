// An id with an amount, as a JSON object: an invoice or a payment. Only the names of the members
// differ. Thread-safe.

#ifndef COMMON_JSON_PAYABLE_H_
#define COMMON_JSON_PAYABLE_H_

#include <optional>
#include <string>
#include <string_view>

#include "common/base/ascii.h"
#include "common/json/json.h"
#include "common/money/money.h"

namespace common {

struct PayableNames {
  std::string_view id;
  std::string_view value;
  std::string_view currency;
};

// A payment, in requests to the provider and in its responses.
inline constexpr PayableNames kPaymentNames = {"id", "value", "currency"};
// The member of a payment in a batch, and of its result.
inline constexpr std::string_view kIdempotencyKeyName = "idempotencyKey";

struct Payable {
  // 1 to kMaxIdBytes of A-Z a-z 0-9 . _ -, so it needs no escaping in JSON, SQL or logs.
  std::string id;
  Money amount;
};

using FindCurrency = std::optional<Currency> (*)(std::string_view code);

// Throws BadRequest, which names the wrong member. Ignores members with other names.
Payable read_payable(const JsonValue& object, const PayableNames& names,
                     FindCurrency find_currency = Currency::find);

// For a member that the object does not have: throws BadRequest if it has one whose name differs in
// case only.
void refuse_another_case(const JsonObject& object, std::string_view member);

// Appends {"<id>":"I1","<value>":12.15,"<currency>":"EUR" without the closing brace, so that the
// caller can append more members.
void append_payable(std::string& out, const PayableNames& names, std::string_view id,
                    const Money& amount);

}  // namespace common

#endif  // COMMON_JSON_PAYABLE_H_
