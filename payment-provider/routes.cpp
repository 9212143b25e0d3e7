#include "payment-provider/routes.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/http/list.h"
#include "common/http/problem.h"
#include "common/json/json.h"
#include "common/json/payable.h"

namespace payment_provider {
namespace {

using common::HttpRequest;
using common::HttpResponse;
using common::Payable;

constexpr common::PayableNames kNames = {"id", "value", "currency"};
constexpr std::size_t kListPage = 1000;  // payments read in one transaction
constexpr std::size_t kMaxKeyBytes = 255;

HttpResponse bad_request(std::string detail) {
  return common::to_response({.status = 400, .detail = std::move(detail)});
}

HttpResponse unprocessable(std::string type, std::string detail) {
  return common::to_response({.status = 422, .detail = std::move(detail), .type = std::move(type)});
}

bool is_printable_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// The draft wants the key as a quoted string; most clients send it bare, which means the same here.
std::string_view unquote(std::string_view key) {
  const bool quoted = key.size() >= 2 && key.front() == '"' && key.back() == '"';
  return quoted ? key.substr(1, key.size() - 2) : key;
}

struct KeyError {
  std::string detail;
};

// The key of a request. A caller without one pays an invoice at most once too: the key is then made
// of the invoice's id.
std::variant<std::string, KeyError> read_key(const HttpRequest& request,
                                             const std::string& invoice_id) {
  const auto values = request.header_values("Idempotency-Key");
  if (values.empty()) return "id:" + invoice_id;
  if (std::any_of(values.begin(), values.end(),
                  [&](std::string_view value) { return value != values.front(); })) {
    return KeyError{"there is more than one Idempotency-Key, and they differ"};
  }
  const std::string_view key = unquote(values.front());
  if (key.empty() || key.size() > kMaxKeyBytes || !is_printable_ascii(key)) {
    return KeyError{"Idempotency-Key must be 1 to 255 printable ASCII characters"};
  }
  return std::string(key);
}

std::variant<Payable, std::string> read_payment(const std::string& body) {
  const auto parsed = common::parse_json(body);
  if (const auto* error = std::get_if<common::JsonError>(&parsed)) return error->message;
  return common::read_payable(std::get<common::JsonValue>(parsed), kNames);
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
                               "this Idempotency-Key stands for another payment");
      break;
    case Kind::kAmountMismatch:
      response = unprocessable("amount-mismatch", "this invoice was paid with a different amount");
      break;
  }
  if (outcome.replayed) response.headers.emplace_back("Idempotent-Replayed", "true");
  return response;
}

void append_json(std::string& out, const LedgerEntry& entry) {
  common::append_payable(out, kNames, entry.invoice_id, entry.amount);
  // A key is whatever printable text a client chose, so it may need escaping.
  out.append(R"(,"idempotencyKey":)").append(nlohmann::json(entry.idempotency_key).dump());
  out.append(R"(,"acceptedAt":")").append(common::to_rfc3339(entry.accepted_at)).append("\"}");
}

// Takes as long for a wrong token as for the right one, wherever they differ.
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
  auto payment = read_payment(request.body);
  if (auto* error = std::get_if<std::string>(&payment)) return bad_request(std::move(*error));
  const auto& [id, amount] = std::get<Payable>(payment);
  auto key = read_key(request, id);
  if (auto* error = std::get_if<KeyError>(&key)) return bad_request(std::move(error->detail));

  const PaymentOutcome outcome = recordings_.run({.idempotency_key = std::get<std::string>(key),
                                                  .invoice_id = id,
                                                  .amount = amount,
                                                  .refusal = find_refusal(rules_, amount)});
  return to_response(outcome, id);
}

HttpResponse Routes::list_payments() const {
  return common::json_list([this, after = std::int64_t{0}](std::string& out) mutable {
    const std::vector<LedgerEntry> page = ledger_.list(after, kListPage);
    for (const LedgerEntry& entry : page) {
      out += ',';
      append_json(out, entry);
      after = entry.sequence;
    }
    return page.size() == kListPage;
  });
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
      common::to_response({.status = 401, .detail = "the right bearer token is needed"});
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace payment_provider
