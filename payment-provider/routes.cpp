#include "payment-provider/routes.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/bad_request.h"
#include "common/base/clock.h"
#include "common/http/limits.h"
#include "common/http/list.h"
#include "common/http/problem.h"
#include "common/json/json.h"
#include "common/json/payable.h"

namespace payment_provider {
namespace {

using common::HttpRequest;
using common::HttpResponse;
using common::kPaymentNames;

HttpResponse unprocessable(std::string type, std::string detail) {
  return common::to_response({.status = 422, .detail = std::move(detail), .type = std::move(type)});
}

bool is_printable_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// The draft of the header asks for a quoted string. Most clients send the key without quotes, which
// means the same here.
std::string_view unquote(std::string_view key) {
  const bool quoted = key.size() >= 2 && key.front() == '"' && key.back() == '"';
  return quoted ? key.substr(1, key.size() - 2) : key;
}

// The key of a request. Without one it is made from the invoice's id, so that simple clients also
// pay an invoice only once.
std::string read_key(const HttpRequest& request, const std::string& invoice_id) {
  const auto values = request.header_values("Idempotency-Key");
  if (values.empty()) return "id:" + invoice_id;
  if (std::any_of(values.begin(), values.end(),
                  [&](std::string_view value) { return value != values.front(); })) {
    throw common::BadRequest("the request has different values of Idempotency-Key");
  }
  const std::string_view key = unquote(values.front());
  if (key.empty() || key.size() > common::kMaxIdempotencyKeyBytes || !is_printable_ascii(key)) {
    throw common::BadRequest("Idempotency-Key must be 1 to 255 printable ASCII characters");
  }
  return std::string(key);
}

HttpResponse to_response(const PaymentOutcome& outcome, const std::string& invoice_id) {
  using Kind = PaymentOutcome::Kind;
  HttpResponse response;
  switch (outcome.kind) {
    case Kind::kAccepted:
      response.body = R"({"id":")" + invoice_id + "\"}\n";
      break;
    case Kind::kRefused:
      response = unprocessable("payment-refused", outcome.refusal);
      break;
    case Kind::kKeyReused:
      response = unprocessable("idempotency-key-reused",
                               "this Idempotency-Key was used for a different payment");
      break;
    case Kind::kAmountMismatch:
      response = unprocessable("amount-mismatch", "this invoice was paid with a different amount");
      break;
  }
  if (outcome.replayed) response.headers.emplace_back("Idempotent-Replayed", "true");
  return response;
}

void append_json(std::string& out, const LedgerEntry& entry) {
  common::append_payable(out, kPaymentNames, entry.invoice_id, entry.amount);
  // A key is any printable text that a client chose, so it may need escaping.
  out.append(R"(,"idempotencyKey":)").append(nlohmann::json(entry.idempotency_key).dump());
  out.append(R"(,"acceptedAt":")").append(common::to_rfc3339(entry.accepted_at)).append("\"}");
}

// The time does not depend on where the texts differ, so it tells nothing about the token.
bool equal_in_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned>(a[i] ^ b[i]);
  }
  return difference == 0;
}

}  // namespace

Routes::Routes(Ledger& ledger, PaymentRules rules, std::optional<std::string> token)
    : ledger_(ledger),
      rules_(std::move(rules)),
      token_(std::move(token)),
      recordings_([&ledger](auto orders) { return ledger.record(orders); }) {}

void Routes::add_to(common::HttpRouter& router) {
  router.set_guard([this](const HttpRequest& request) { return demand_token(request); });
  router.get("/payments", [this](const HttpRequest&) { return list_payments(); });
  router.post("/payments/pay", {.json_required = true},
              [this](const HttpRequest& request) { return pay(request); });
}

HttpResponse Routes::pay(const HttpRequest& request) {
  const auto [id, amount] = common::read_payable(common::read_json(request.body), kPaymentNames);
  const PaymentOutcome outcome = recordings_.run({.idempotency_key = read_key(request, id),
                                                  .invoice_id = id,
                                                  .amount = amount,
                                                  .refusal = find_refusal(rules_, amount)});
  return to_response(outcome, id);
}

HttpResponse Routes::list_payments() const {
  return common::json_list(
      [this](std::int64_t after, std::size_t limit) { return ledger_.list(after, limit); },
      append_json);
}

std::optional<HttpResponse> Routes::demand_token(const HttpRequest& request) const {
  if (!token_) return std::nullopt;
  const auto values = request.header_values("Authorization");
  constexpr std::string_view kScheme = "Bearer ";
  if (values.size() == 1 &&
      common::equal_ignoring_case(values[0].substr(0, kScheme.size()), kScheme) &&
      equal_in_constant_time(values[0].substr(kScheme.size()), *token_)) {
    return std::nullopt;
  }
  HttpResponse response =
      common::to_response({.status = 401, .detail = "a valid bearer token is required"});
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace payment_provider
