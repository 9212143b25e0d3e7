#include "payment-provider/idempotency_key.h"

#include <algorithm>
#include <string_view>

#include "common/base/ascii.h"
#include "common/base/bad_request.h"
#include "common/http/limits.h"

namespace payment_provider {
namespace {

std::string_view unquote(std::string_view key) {
  const bool quoted = key.size() >= 2 && key.front() == '"' && key.back() == '"';
  return quoted ? key.substr(1, key.size() - 2) : key;
}

}  // namespace

bool is_idempotency_key(std::string_view text) {
  return !text.empty() && text.size() <= common::kMaxIdempotencyKeyBytes &&
         std::all_of(text.begin(), text.end(), common::is_printable);
}

std::string read_idempotency_key(const common::HttpRequest& request,
                                 const std::string& invoice_id) {
  const auto values = request.header_values("Idempotency-Key");
  if (values.empty()) return "id:" + invoice_id;
  if (std::any_of(values.begin(), values.end(),
                  [&](std::string_view value) { return value != values.front(); })) {
    throw common::BadRequest("the request has different values of Idempotency-Key");
  }
  const std::string_view key = unquote(values.front());
  if (!is_idempotency_key(key)) {
    throw common::BadRequest("Idempotency-Key must be 1 to 255 printable ASCII characters");
  }
  return std::string(key);
}

}  // namespace payment_provider
