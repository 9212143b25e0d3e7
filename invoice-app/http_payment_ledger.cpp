#include "invoice-app/http_payment_ledger.h"

#include <string_view>
#include <thread>
#include <utility>
#include <variant>

#include "common/base/bad_request.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/base/unavailable.h"
#include "common/http/limits.h"
#include "common/http/page.h"
#include "common/json/json.h"
#include "common/json/payable.h"

namespace invoice_app {
namespace {

using common::JsonArray;
using common::JsonValue;

const std::string& required_text(const JsonValue& payment, std::string_view name) {
  const JsonValue* member = payment.find(name);
  const auto* text = member == nullptr ? nullptr : member->as<std::string>();
  if (text == nullptr) throw common::BadRequest(std::string(name) + " is not a string");
  return *text;
}

LedgerPayment read_payment(const JsonValue& payment) {
  auto [id, amount] =
      common::read_payable(payment, common::kPaymentNames, common::Currency::find_any);
  // A provider without pages lists all payments, without a status.
  if (required_text(payment, "status") != "accepted") {
    throw common::BadRequest("status is not \"accepted\"");
  }
  const auto accepted_at = common::parse_rfc3339(required_text(payment, "acceptedAt"));
  if (!accepted_at) throw common::BadRequest("acceptedAt is not a time in UTC with milliseconds");
  return {.invoice_id = std::move(id), .amount = amount, .accepted_at = *accepted_at};
}

std::vector<LedgerPayment> read_payments(const common::HttpReply& reply) {
  if (common::parse_content_type(reply.header("Content-Type")).media_type != "application/json") {
    throw common::BadRequest("is not JSON");
  }
  const JsonValue document = common::read_json(reply.body);
  const auto* array = document.as<JsonArray>();
  if (array == nullptr || array->size() > std::size_t{common::kMaxPageElements}) {
    throw common::BadRequest("is not an array of at most " +
                             std::to_string(common::kMaxPageElements) + " payments");
  }
  return common::read_elements(*array, "payment", read_payment);
}

std::optional<std::string> read_next(const common::HttpReply& reply) {
  const std::string_view link = reply.header("Link");
  if (link.empty()) return std::nullopt;
  auto next = common::read_next_cursor(link);
  if (!next) throw common::BadRequest("has a faulty Link");
  return next;
}

bool may_work_later(const common::HttpResult& result) {
  const auto* reply = std::get_if<common::HttpReply>(&result);
  return reply == nullptr || reply->status == 502 || reply->status == 503 || reply->status == 504;
}

}  // namespace

LedgerPage interpret_ledger_page(const common::HttpResult& result) {
  if (const auto* failure = std::get_if<common::HttpFailure>(&result)) {
    throw common::Unavailable("can't read the provider's ledger: " + failure->message);
  }
  const auto& reply = std::get<common::HttpReply>(result);
  if (reply.status != 200) {
    throw common::Unavailable(
        "can't read the provider's ledger: HTTP " + std::to_string(reply.status) +
        (reply.status == 400 ? ". The provider is probably an older release, without pages" : ""));
  }
  try {
    return {.payments = read_payments(reply), .next = read_next(reply)};
  } catch (const common::BadRequest& error) {
    throw common::Unavailable(std::string("the provider's list of payments is faulty: ") +
                              error.what());
  }
}

HttpPaymentLedger::HttpPaymentLedger(common::HttpClientOptions options,
                                     const std::optional<std::string>& bearer_token,
                                     std::chrono::milliseconds pause)
    : client_(std::move(options)),
      headers_({{"X-Request-Id", "audit-" + common::random_hex(16)}}),
      pause_(pause) {
  common::add_bearer_token(headers_, bearer_token);
}

LedgerPage HttpPaymentLedger::page(const std::optional<std::string>& cursor) {
  std::string path = "/payments?limit=" + std::to_string(common::kMaxPageElements);
  if (cursor) path += "&cursor=" + *cursor;
  auto pause = pause_;
  for (int attempt = 1;; ++attempt, pause *= 2) {
    const common::HttpResult result = client_.get(path, headers_);
    if (attempt == kAttempts || !may_work_later(result)) return interpret_ledger_page(result);
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace invoice_app
