#include "payment-provider/idempotency_key.h"

#include <algorithm>
#include <string>

#include "common/base/ascii.h"
#include "common/base/bad_request.h"
#include "common/http/limits.h"
#include "fuzz/fuzz.h"

namespace {

std::string read(const common::HttpHeaders& headers) {
  return payment_provider::read_idempotency_key({.headers = headers}, "I1");
}

}  // namespace

// An input is the values of the header, one a line.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::to_text(data, size);
  common::HttpHeaders headers;
  bool are_equal = true;
  while (!text.empty()) {
    const std::string_view value = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(value.size() + 1, text.size()));
    headers.emplace_back("Idempotency-Key", value);
    are_equal = are_equal && value == headers.front().second;
  }
  try {
    const std::string key = read(headers);
    fuzz::check(are_equal, "different keys are refused");
    fuzz::check(!key.empty() && key.size() <= common::kMaxIdempotencyKeyBytes,
                "a key has a length");
    fuzz::check(std::all_of(key.begin(), key.end(), common::is_printable), "a key is printable");
    fuzz::check(read({{"Idempotency-Key", '"' + key + '"'}}) == key, "round trip");
  } catch (const common::BadRequest&) {
    fuzz::check(!headers.empty(), "a request without a key is not refused");
  }
  return 0;
}
