#include "invoice-app/http_payment_gateway.h"

#include <cstddef>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/utf8.h"
#include "common/http/limits.h"
#include "common/json/json.h"
#include "common/json/payable.h"
#include "common/log/request_context.h"
#include "invoice-app/payment_caller.h"

namespace invoice_app {
namespace {

using common::JsonArray;
using common::JsonValue;
using common::kIdempotencyKeyName;
using common::kPaymentNames;

// The deadline of a call includes the lookup of the provider's addresses and connecting.
static_assert(common::kCallTimeout <= PaymentCallerOptions{}.longest_call);

static_assert(BatchSizeOptions{}.max <= common::kMaxBatchPayments);

// The provider accepts the longest key, pay:<id>:<generation>.
constexpr std::size_t kMaxGenerationDigits = 19;
static_assert(sizeof("pay::") - 1 + common::kMaxIdBytes + kMaxGenerationDigits <=
              common::kMaxIdempotencyKeyBytes);

std::optional<JsonValue> parse(const std::string& body) {
  auto parsed = common::parse_json(body);
  auto* document = std::get_if<JsonValue>(&parsed);
  return document == nullptr ? std::nullopt : std::optional(std::move(*document));
}

// A string member of a JSON object. Returns nullptr if there is none, for any value.
const std::string* text_member(const JsonValue& value, std::string_view name) {
  const JsonValue* member = value.find(name);
  return member == nullptr ? nullptr : member->as<std::string>();
}

bool is_refusal(int status) { return status == 400 || status == 402 || status == 422; }

std::string http(int status) { return "HTTP " + std::to_string(status); }

// The provider's reason is the detail of its problem document, if it sent one.
std::string refusal_reason(int status, const JsonValue* problem) {
  const auto* detail = problem == nullptr ? nullptr : text_member(*problem, "detail");
  if (detail == nullptr) return http(status);
  return (http(status) + ": ").append(common::cut_utf8(*detail, common::kMaxRefusalBytes));
}

std::string media_type(const common::HttpReply& reply) {
  return common::parse_content_type(reply.header("Content-Type")).media_type;
}

// The status of one result of a batch. Returns 0 if there is none.
int status_of(const JsonValue& result) {
  const JsonValue* status = result.find("status");
  const auto* number = status == nullptr ? nullptr : status->as<common::JsonNumber>();
  for (const int known : {200, 400, 402, 422}) {
    if (number != nullptr && number->text == std::to_string(known)) return known;
  }
  return 0;
}

PaymentAnswer answer_of(const JsonValue& result) {
  using Kind = PaymentAnswer::Kind;
  const int status = status_of(result);
  if (status == 200) return {Kind::kPaid};
  if (is_refusal(status)) return {Kind::kRefused, refusal_reason(status, &result)};
  return {Kind::kUnknown, "a result of the batch has an unknown status"};
}

std::vector<PaymentAnswer> match(const JsonArray& results, std::span<const Claim> claims) {
  using Kind = PaymentAnswer::Kind;
  std::unordered_map<std::string, std::size_t> index_of;  // by key
  index_of.reserve(claims.size());
  for (std::size_t i = 0; i < claims.size(); ++i) index_of.emplace(claims[i].idempotency_key(), i);

  std::vector<PaymentAnswer> answers(claims.size(),
                                     {Kind::kUnknown, "the batch has no result with this key"});
  std::vector<bool> is_answered(claims.size(), false);
  for (const JsonValue& result : results) {
    const auto* key = text_member(result, kIdempotencyKeyName);
    const auto* id = text_member(result, kPaymentNames.id);
    const auto found = key == nullptr ? index_of.end() : index_of.find(*key);
    if (found == index_of.end() || id == nullptr || *id != claims[found->second].id) continue;
    const std::size_t i = found->second;
    answers[i] = is_answered[i] ? PaymentAnswer{Kind::kUnknown, "the batch has two results"}
                                : answer_of(result);
    is_answered[i] = true;
  }
  return answers;
}

}  // namespace

PaymentAnswer interpret(const common::HttpResult& result, const std::string& invoice_id) {
  using Kind = PaymentAnswer::Kind;
  if (const auto* failure = std::get_if<common::HttpFailure>(&result)) {
    return {Kind::kUnknown, failure->message};
  }
  const auto& reply = std::get<common::HttpReply>(result);
  const std::string type = media_type(reply);
  const std::optional<JsonValue> document = parse(reply.body);
  if (is_refusal(reply.status) && type != "text/html") {
    return {Kind::kRefused, refusal_reason(reply.status, document ? &*document : nullptr)};
  }
  if (reply.status != 200) return {Kind::kUnknown, http(reply.status)};
  if (type != "application/json") return {Kind::kUnknown, "HTTP 200, but the response is not JSON"};
  const auto* id = document ? text_member(*document, kPaymentNames.id) : nullptr;
  if (id == nullptr || *id != invoice_id) {
    return {Kind::kUnknown, "HTTP 200, but not with this invoice's id"};
  }
  return {Kind::kPaid};
}

BatchAnswer interpret_batch(const common::HttpResult& result, std::span<const Claim> claims) {
  const auto unknown = [&](const std::string& reason) -> BatchAnswer {
    return {.answers = {claims.size(), {PaymentAnswer::Kind::kUnknown, reason}}};
  };
  if (const auto* failure = std::get_if<common::HttpFailure>(&result)) {
    BatchAnswer answer = unknown(failure->message);
    answer.is_sent = failure->kind != common::HttpFailure::Kind::kNotSent;
    return answer;
  }
  const auto& reply = std::get<common::HttpReply>(result);
  // They are about every call to the provider, so single payments would get them too.
  for (const int unavailable : {401, 403, 429, 502, 503, 504}) {
    if (reply.status == unavailable) return unknown(http(reply.status));
  }
  if (reply.status != 207) return {.not_taken = http(reply.status)};
  const std::optional<JsonValue> document = parse(reply.body);
  const auto* results = document ? document->as<JsonArray>() : nullptr;
  if (media_type(reply) != "application/json" || results == nullptr) {
    return {.not_taken = "HTTP 207, but the response is not a JSON array"};
  }
  return {.answers = match(*results, claims)};
}

HttpPaymentGateway::HttpPaymentGateway(common::HttpClientOptions options,
                                       std::optional<std::string> bearer_token)
    : client_(std::move(options)), bearer_token_(std::move(bearer_token)) {}

PaymentAnswer HttpPaymentGateway::pay(const Claim& claim) {
  common::HttpHeaders with_key = headers();
  with_key.emplace_back("Idempotency-Key", '"' + claim.idempotency_key() + '"');
  std::string body;
  common::append_payable(body, kPaymentNames, claim.id, claim.amount);
  body += '}';
  return interpret(client_.post("/payments/pay", with_key, body), claim.id);
}

BatchAnswer HttpPaymentGateway::pay_batch(std::span<const Claim> claims) {
  std::string body;
  for (const Claim& claim : claims) {
    body += body.empty() ? '[' : ',';
    common::append_payable(body, kPaymentNames, claim.id, claim.amount);
    // An id needs no escaping, so the key needs none.
    body.append(",\"").append(kIdempotencyKeyName).append("\":\"").append(claim.idempotency_key());
    body += "\"}";
  }
  body += ']';
  return interpret_batch(client_.post("/payments/batch", headers(), body), claims);
}

common::HttpHeaders HttpPaymentGateway::headers() const {
  const common::RequestContext& request = common::current_request();
  common::HttpHeaders headers = {{"X-Request-Id", request.request_id}};
  if (!request.trace.traceparent.empty()) {
    headers.emplace_back("traceparent", request.trace.traceparent);
  }
  if (!request.trace.tracestate.empty()) {
    headers.emplace_back("tracestate", request.trace.tracestate);
  }
  common::add_bearer_token(headers, bearer_token_);
  return headers;
}

}  // namespace invoice_app
