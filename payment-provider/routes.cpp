#include "payment-provider/routes.h"

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "common/base/ascii.h"
#include "common/base/clock.h"
#include "common/http/list.h"
#include "common/http/problem.h"
#include "common/json/json.h"
#include "common/json/payable.h"
#include "payment-provider/idempotency_key.h"

namespace payment_provider {
namespace {

using common::HttpRequest;
using common::HttpRespond;
using common::HttpResponse;
using common::kPaymentNames;

HttpResponse unprocessable(std::string type, std::string detail) {
  return common::to_response({.status = 422, .detail = std::move(detail), .type = std::move(type)});
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
  router.post_deferred(
      "/payments/pay", {.json_required = true},
      [this](const HttpRequest& request, const HttpRespond& respond) { pay(request, respond); });
}

void Routes::pay(const HttpRequest& request, const HttpRespond& respond) {
  const auto [id, amount] = common::read_payable(common::read_json(request.body), kPaymentNames);
  recordings_.submit({.idempotency_key = read_idempotency_key(request, id),
                      .invoice_id = id,
                      .amount = amount,
                      .refusal = find_refusal(rules_, amount)},
                     [respond, id = id](const auto& outcome) {
                       respond([&] { return to_response(outcome(), id); });
                     });
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
