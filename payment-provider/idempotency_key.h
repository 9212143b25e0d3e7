// Keys that identify payments (draft-ietf-httpapi-idempotency-key-header).

#ifndef PAYMENT_PROVIDER_IDEMPOTENCY_KEY_H_
#define PAYMENT_PROVIDER_IDEMPOTENCY_KEY_H_

#include <string>
#include <string_view>

#include "common/http/message.h"

namespace payment_provider {

// Whether the text has 1 to kMaxIdempotencyKeyBytes printable ASCII characters.
bool is_idempotency_key(std::string_view text);

// The key: 1 to kMaxIdempotencyKeyBytes printable ASCII characters. Quotes around it are removed:
// the draft asks for a quoted string, but most clients send the key without them. Without the
// header, the key is made from the invoice's id, so that simple clients also pay an invoice only
// once. Throws BadRequest for an invalid key, and for different ones. Thread-safe.
std::string read_idempotency_key(const common::HttpRequest& request, const std::string& invoice_id);

}  // namespace payment_provider

#endif  // PAYMENT_PROVIDER_IDEMPOTENCY_KEY_H_
