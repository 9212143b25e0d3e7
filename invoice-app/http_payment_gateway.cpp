#include "invoice-app/http_payment_gateway.h"

#include <utility>
#include <variant>

#include "common/json/json.h"
#include "common/log/log.h"

namespace invoice_app {
namespace {

bool echoes(const std::string& body, const std::string& invoice_id) {
  const auto parsed = common::parse_json(body);
  const auto* document = std::get_if<common::JsonValue>(&parsed);
  const auto* id = document == nullptr ? nullptr : document->find("id");
  const auto* text = id == nullptr ? nullptr : id->as<std::string>();
  return text != nullptr && *text == invoice_id;
}

bool is_refusal(int status) { return status == 400 || status == 402 || status == 422; }

// What a refusing provider says of its reason: the detail of its problem document, if it sent one.
std::string refusal_reason(const common::HttpReply& reply) {
  const auto parsed = common::parse_json(reply.body);
  const auto* document = std::get_if<common::JsonValue>(&parsed);
  const auto* detail = document == nullptr ? nullptr : document->find("detail");
  const auto* text = detail == nullptr ? nullptr : detail->as<std::string>();
  constexpr std::size_t kMaxReasonBytes = 500;
  const std::string status = "HTTP " + std::to_string(reply.status);
  return text == nullptr ? status : status + ": " + text->substr(0, kMaxReasonBytes);
}

std::string request_body(const Claim& claim) {
  std::string body = R"({"id":")";  // an id has no character that JSON would escape
  body.append(claim.id).append(R"(","value":)").append(common::to_decimal(claim.amount));
  body.append(R"(,"currency":")").append(claim.amount.currency.code()).append(R"("})");
  return body;
}

}  // namespace

PaymentAnswer interpret(const common::HttpResult& result, const std::string& invoice_id) {
  using Kind = PaymentAnswer::Kind;
  if (const auto* failure = std::get_if<common::HttpFailure>(&result)) {
    return {Kind::kUnknown, failure->message};
  }
  const auto& reply = std::get<common::HttpReply>(result);
  const std::string type = common::media_type(reply.header("Content-Type"));
  if (is_refusal(reply.status) && type != "text/html") {
    return {Kind::kRefused, refusal_reason(reply)};
  }
  if (reply.status != 200) return {Kind::kUnknown, "HTTP " + std::to_string(reply.status)};
  if (type != "application/json") return {Kind::kUnknown, "HTTP 200, but not JSON"};
  if (!echoes(reply.body, invoice_id)) {
    return {Kind::kUnknown, "HTTP 200, but not for this invoice"};
  }
  return {Kind::kPaid};
}

HttpPaymentGateway::HttpPaymentGateway(common::HttpClientOptions options,
                                       std::optional<std::string> bearer_token)
    : client_(std::move(options)), bearer_token_(std::move(bearer_token)) {}

PaymentAnswer HttpPaymentGateway::pay(const Claim& claim) {
  common::HttpHeaders headers = {{"Idempotency-Key", '"' + claim.idempotency_key() + '"'},
                                 {"X-Request-Id", common::current_request_id()}};
  if (bearer_token_) headers.emplace_back("Authorization", "Bearer " + *bearer_token_);
  return interpret(client_.post("/payments/pay", headers, request_body(claim)), claim.id);
}

}  // namespace invoice_app
