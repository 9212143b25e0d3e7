#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/base/ascii.h"
#include "common/base/bad_request.h"
#include "common/http/limits.h"
#include "common/json/payable.h"
#include "fuzz/fuzz.h"
#include "payment-provider/payment_json.h"

namespace {

using nlohmann::json;
using payment_provider::PaymentOrder;
using payment_provider::PaymentOutcome;

void check_order(const PaymentOrder& order) {
  const std::string& key = order.idempotency_key;
  fuzz::check(!key.empty() && key.size() <= common::kMaxIdempotencyKeyBytes, "a key has a length");
  fuzz::check(std::all_of(key.begin(), key.end(), common::is_printable), "a key is printable");
  fuzz::check(!order.invoice_id.empty() && order.invoice_id.size() <= common::kMaxIdBytes,
              "an id has a length");
}

// Reads the response to the orders, of which every second one is refused and replayed.
void check_response(const std::vector<PaymentOrder>& orders) {
  std::vector<PaymentOutcome> outcomes(orders.size(), {PaymentOutcome::Kind::kAccepted});
  for (std::size_t i = 0; i < outcomes.size(); i += 2) {
    outcomes[i] = {PaymentOutcome::Kind::kRefused, true, "no"};
  }
  const json results = json::parse(payment_provider::to_response(orders, outcomes).body);
  fuzz::check(results.size() == orders.size(), "each order has a result");
  for (std::size_t i = 0; i < orders.size(); ++i) {
    const json& result = results[i];
    fuzz::check(result.at("id") == orders[i].invoice_id, "a result has its id");
    fuzz::check(result.at("idempotencyKey") == orders[i].idempotency_key, "a result has its key");
    fuzz::check(result.at("status") == (i % 2 == 0 ? 422 : 200), "a result has its status");
  }
}

}  // namespace

// An input is a batch of payments.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::to_text(data, size);
  std::vector<PaymentOrder> orders;
  try {
    orders = payment_provider::read_batch(text, {});
  } catch (const common::BadRequest& refusal) {
    fuzz::check(!json(refusal.what()).dump().empty(), "a message is UTF-8");
    return 0;
  }
  fuzz::check(orders.size() == json::parse(text).size(), "each element is an order");
  fuzz::check(!orders.empty() && orders.size() <= common::kMaxBatchPayments, "a batch has a size");
  std::for_each(orders.begin(), orders.end(), check_order);
  check_response(orders);
  return 0;
}
