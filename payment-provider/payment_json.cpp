#include "payment-provider/payment_json.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "common/base/bad_request.h"
#include "common/base/clock.h"
#include "common/http/limits.h"
#include "common/http/problem.h"
#include "payment-provider/idempotency_key.h"

namespace payment_provider {
namespace {

using common::HttpResponse;
using common::JsonArray;
using common::JsonValue;
using common::kIdempotencyKeyName;
using common::kPaymentNames;

constexpr std::string_view kLongestResult =
    R"({"id":"","idempotencyKey":"","type":"urn:problem:idempotency-key-reused",)"
    R"("title":"Unprocessable Content","status":422,"detail":"","replayed":true},)";
// invoice-app's keys are pay:<id>:<generation>.
constexpr std::size_t kMaxInvoiceAppKeyBytes =
    std::string_view("pay::9223372036854775807").size() + common::kMaxIdBytes;
constexpr std::string_view kLongestElement =
    R"({"idempotencyKey":"","id":"","value":99999999999999.9,"currency":"EUR"},)";

static_assert(common::kMaxBatchPayments * (kLongestElement.size() + common::kMaxIdBytes +
                                           common::kMaxIdempotencyKeyBytes) <=
                  common::kMaxBatchBodyBytes,
              "the longest batch fits, unless its keys need escaping");
static_assert(common::kMaxBatchPayments * (kLongestResult.size() + common::kMaxIdBytes +
                                           kMaxInvoiceAppKeyBytes + common::kMaxRefusalBytes) <=
                  common::kMaxBatchResponseBytes,
              "a batch of invoice-app whose payments are all refused gets a response that fits");

PaymentOrder read_order(const JsonValue& element, const PaymentRules& rules) {
  auto [id, amount] = read_payment(element);
  const JsonValue* member = element.find(kIdempotencyKeyName);
  if (member == nullptr) throw common::BadRequest(std::string(kIdempotencyKeyName) + " is missing");
  const auto* key = member->as<std::string>();
  if (key == nullptr || !is_idempotency_key(*key)) {
    throw common::BadRequest(std::string(kIdempotencyKeyName) +
                             " must be a string of 1 to 255 printable ASCII characters");
  }
  return {.idempotency_key = *key,
          .invoice_id = std::move(id),
          .amount = amount,
          .refusal = find_refusal(rules, amount)};
}

// Why the payment was not accepted; nullopt if it was.
std::optional<common::Problem> find_problem(const PaymentOutcome& outcome) {
  const auto unprocessable = [](const char* type, std::string detail) {
    return common::Problem{.status = 422, .detail = std::move(detail), .type = type};
  };
  using Kind = PaymentOutcome::Kind;
  switch (outcome.kind) {
    case Kind::kAccepted:
      return std::nullopt;
    case Kind::kRefused:
      return unprocessable("payment-refused", outcome.refusal);
    case Kind::kKeyReused:
      return unprocessable("idempotency-key-reused",
                           "this idempotency key was used for a different payment");
    case Kind::kAmountMismatch:
      return unprocessable("amount-mismatch", "this invoice was paid with a different amount");
  }
  return std::nullopt;
}

// Appends "idempotencyKey":"...". Of the printable characters, two need escaping (RFC 8259, 7).
void append_key(std::string& out, std::string_view key) {
  out.append("\"").append(kIdempotencyKeyName).append("\":\"");
  for (const char c : key) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

// An entry without its decision and the closing brace.
void append_order(std::string& out, const LedgerEntry& entry) {
  common::append_payable(out, kPaymentNames, entry.invoice_id, entry.amount);
  out += ',';
  append_key(out, entry.idempotency_key);
}

void append_result(std::string& out, const PaymentOrder& order, const PaymentOutcome& outcome) {
  out.append(R"({"id":")").append(order.invoice_id).append("\",");
  append_key(out, order.idempotency_key);
  if (const auto problem = find_problem(outcome)) {
    const std::string object = common::to_json(*problem);
    out.append(",").append(object, 1, object.size() - 2);  // its members, without the braces
  } else {
    out.append(R"(,"status":200)");
  }
  out.append(outcome.replayed ? R"(,"replayed":true})" : "}");
}

}  // namespace

common::Payable read_payment(const JsonValue& object) {
  return common::read_payable(object, kPaymentNames, common::Currency::find_any);
}

std::vector<PaymentOrder> read_batch(std::string_view body, const PaymentRules& rules) {
  const JsonValue document = common::read_json(body);
  const auto* array = document.as<JsonArray>();
  if (array == nullptr || array->empty() || array->size() > common::kMaxBatchPayments) {
    throw common::BadRequest("expected a JSON array of 1 to " +
                             std::to_string(common::kMaxBatchPayments) + " payments");
  }
  return common::read_elements(
      *array, "payment", [&rules](const JsonValue& element) { return read_order(element, rules); });
}

HttpResponse to_response(const PaymentOrder& order, const PaymentOutcome& outcome) {
  const auto problem = find_problem(outcome);
  HttpResponse response = problem ? common::to_response(*problem)
                                  : HttpResponse{.body = R"({"id":")" + order.invoice_id + "\"}\n"};
  if (outcome.replayed) response.headers.emplace_back("Idempotent-Replayed", "true");
  return response;
}

HttpResponse to_response(std::span<const PaymentOrder> orders,
                         std::span<const PaymentOutcome> outcomes) {
  constexpr std::size_t kUsualResultBytes = 96;
  HttpResponse response{.status = 207};
  std::string& body = response.body;
  body.reserve(orders.size() * kUsualResultBytes);
  for (std::size_t i = 0; i < orders.size(); ++i) {
    body += i == 0 ? '[' : ',';
    append_result(body, orders[i], outcomes[i]);
  }
  body += "]\n";
  return response;
}

void append_json(std::string& out, const LedgerEntry& entry) {
  append_order(out, entry);
  out.append(R"(,"acceptedAt":")").append(common::to_rfc3339(entry.decided_at)).append("\"}");
}

void append_detailed_json(std::string& out, const LedgerEntry& entry) {
  const std::string_view status = to_text(entry.status());
  append_order(out, entry);
  out.append(R"(,"status":")").append(status).append("\",\"").append(status).append(R"(At":")");
  out.append(common::to_rfc3339(entry.decided_at)).append("\"");
  if (entry.status() == PaymentStatus::kRefused) {
    out.append(R"(,"detail":)").append(common::to_json_string(entry.refusal));
  }
  out += '}';
}

std::string to_json(std::span<const LedgerTotal> totals) {
  std::string json;
  for (const LedgerTotal& total : totals) {
    json.append(json.empty() ? "[" : ",").append(R"({"currency":)");
    json.append(common::to_json_string(total.currency));
    json.append(R"(,"status":")").append(to_text(total.status));
    json.append(R"(","count":)").append(std::to_string(total.count));
    if (const auto currency = common::Currency::find_any(total.currency)) {
      json.append(R"(,"sum":)").append(common::to_decimal(total.sum.minor_units(), *currency));
    }
    json += '}';
  }
  return json.append(json.empty() ? "[]\n" : "]\n");
}

}  // namespace payment_provider
