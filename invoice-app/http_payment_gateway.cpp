#include "invoice-app/http_payment_gateway.h"

#include <utility>
#include <variant>

#include "common/http/limits.h"
#include "common/json/json.h"
#include "common/json/payable.h"
#include "common/log/log.h"
#include "invoice-app/payment_caller.h"

namespace invoice_app {
namespace {

using common::kPaymentNames;

// The deadline of a call includes connecting. Name resolution has no limit of ours.
static_assert(common::kCallTimeout <= PaymentCallerOptions{}.longest_call);

// The provider accepts the longest key, pay:<id>:<generation>.
constexpr std::size_t kMaxGenerationDigits = 19;
static_assert(sizeof("pay::") - 1 + common::kMaxIdBytes + kMaxGenerationDigits <=
              common::kMaxIdempotencyKeyBytes);

// A string member of the JSON object in `body`. Returns nullopt if there is none, for any body.
std::optional<std::string> text_member(const std::string& body, std::string_view name) {
  const auto parsed = common::parse_json(body);
  const auto* document = std::get_if<common::JsonValue>(&parsed);
  const auto* member = document == nullptr ? nullptr : document->find(name);
  const auto* text = member == nullptr ? nullptr : member->as<std::string>();
  return text == nullptr ? std::nullopt : std::optional(*text);
}

bool is_refusal(int status) { return status == 400 || status == 402 || status == 422; }

// The provider's reason is the detail of its problem document, if it sent one.
std::string refusal_reason(const common::HttpReply& reply) {
  const auto detail = text_member(reply.body, "detail");
  const std::string status = "HTTP " + std::to_string(reply.status);
  return detail ? status + ": " + detail->substr(0, common::kMaxRefusalBytes) : status;
}

std::string request_body(const Claim& claim) {
  std::string body;
  common::append_payable(body, kPaymentNames, claim.id, claim.amount);
  return body + '}';
}

}  // namespace

PaymentAnswer interpret(const common::HttpResult& result, const std::string& invoice_id) {
  using Kind = PaymentAnswer::Kind;
  if (const auto* failure = std::get_if<common::HttpFailure>(&result)) {
    return {Kind::kUnknown, failure->message};
  }
  const auto& reply = std::get<common::HttpReply>(result);
  const std::string type = common::parse_content_type(reply.header("Content-Type")).media_type;
  if (is_refusal(reply.status) && type != "text/html") {
    return {Kind::kRefused, refusal_reason(reply)};
  }
  if (reply.status != 200) return {Kind::kUnknown, "HTTP " + std::to_string(reply.status)};
  if (type != "application/json") return {Kind::kUnknown, "HTTP 200, but the response is not JSON"};
  if (text_member(reply.body, kPaymentNames.id) != invoice_id) {
    return {Kind::kUnknown, "HTTP 200, but not with this invoice's id"};
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
