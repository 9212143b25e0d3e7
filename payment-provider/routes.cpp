#include "payment-provider/routes.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "common/base/ascii.h"
#include "common/base/bad_request.h"
#include "common/http/limits.h"
#include "common/http/list.h"
#include "common/http/page.h"
#include "common/http/problem.h"
#include "common/http/query.h"
#include "common/http/static_file.h"
#include "common/json/json.h"
#include "payment-provider/idempotency_key.h"
#include "payment-provider/payment_json.h"

namespace payment_provider {

extern const std::string_view kOpenApi;  // openapi.json

namespace {

using common::HttpRequest;
using common::HttpRespond;
using common::HttpResponse;

// One full batch, or as many smaller requests as weigh no more. A longer commit would keep other
// replicas and readers waiting.
constexpr std::size_t kMaxOrdersPerCommit = common::kMaxBatchPayments;
// The largest batches of several replicas, and about a second of work. It also limits memory: short
// elements of a batch take several times as much memory as orders than as JSON, which is what the
// server counts.
constexpr std::size_t kMaxQueuedOrders = 32 * common::kMaxBatchPayments;

using Orders = std::shared_ptr<const std::vector<PaymentOrder>>;
using Outcomes = std::vector<PaymentOutcome>;

// Records the orders of all requests in one transaction.
std::vector<Outcomes> record(Ledger& ledger, common::CommitMetrics& commits,
                             std::span<const Orders> requests) {
  const auto record_all = [&](std::span<const PaymentOrder> orders) {
    return commits.measure(orders.size(), [&] { return ledger.record(orders); });
  };
  std::vector<Outcomes> results;
  results.reserve(requests.size());
  if (requests.size() == 1) {
    results.push_back(record_all(*requests.front()));
    return results;
  }
  std::vector<PaymentOrder> orders;
  for (const Orders& request : requests) {
    orders.insert(orders.end(), request->begin(), request->end());
  }
  const Outcomes outcomes = record_all(orders);
  auto next = outcomes.begin();
  for (const Orders& request : requests) {
    const auto end = next + static_cast<std::ptrdiff_t>(request->size());
    results.emplace_back(next, end);
    next = end;
  }
  return results;
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

constexpr std::array kStatuses = {
    std::pair(to_text(PaymentStatus::kAccepted), PaymentStatus::kAccepted),
    std::pair(to_text(PaymentStatus::kRefused), PaymentStatus::kRefused)};

}  // namespace

Routes::Routes(Ledger& ledger, PaymentRules rules, std::optional<std::string> token,
               common::CommitMetrics commits)
    : ledger_(ledger),
      rules_(std::move(rules)),
      token_(std::move(token)),
      list_(ledger, append_json),
      summary_(ledger, common::CachedList::ReadList([&ledger]() -> common::AppendChunk {
                 return [&ledger](std::string& body) {
                   body += to_json(ledger.totals());
                   return false;
                 };
               })),
      recordings_(
          [&ledger, commits](auto requests) mutable { return record(ledger, commits, requests); },
          {.max_weight = kMaxOrdersPerCommit, .max_queued = kMaxQueuedOrders}) {}

void Routes::add_to(common::HttpRouter& router) {
  router.set_guard([this](const HttpRequest& request) { return demand_token(request); });
  const auto guarded = common::HttpRouter::Access::kGuarded;
  common::add_static_file(router, "/openapi.json", {kOpenApi, "application/json"});
  router
      .get(
          "/payments", [this](const HttpRequest& request) { return list(request); }, guarded,
          [this](const HttpRequest& request) { return list_.find(request); },
          {"status", "currency", "limit", "cursor"})
      .may_respond({304, 401});
  router.get("/payments/{id}", [this](const HttpRequest& request) { return find(request); })
      .may_respond({401, 404});
  router
      .get(
          "/summary", [this](const HttpRequest& request) { return summary_.get(request); }, guarded,
          [this](const HttpRequest& request) { return summary_.find(request); })
      .may_respond({304, 401});
  router
      .post_deferred(
          "/payments/pay", {.json_required = true},
          [this](const HttpRequest& request, const HttpRespond& respond) { pay(request, respond); })
      .may_respond({401, 422});
  router
      .post_deferred("/payments/batch",
                     {.max_bytes = common::kMaxBatchBodyBytes, .json_required = true},
                     [this](const HttpRequest& request, const HttpRespond& respond) {
                       pay_batch(request, respond);
                     })
      .may_respond({207, 401});
}

HttpResponse Routes::list(const HttpRequest& request) {
  if (request.query.empty()) return list_.get(request);
  const LedgerFilter filter = {
      .status = common::read_choice(request, "status", kStatuses).value_or(LedgerFilter().status),
      .currency = common::read_parameter(request, "currency", "a code of ISO 4217, such as EUR",
                                         common::Currency::find_any)};
  const std::size_t limit = common::read_limit(request);
  const std::int64_t after = common::read_cursor(request);
  return common::respond_with_page(
      request, ledger_.page(filter, after, limit + 1), limit, append_detailed_json,
      [](const LedgerEntry& entry) { return std::to_string(entry.sequence); });
}

HttpResponse Routes::find(const HttpRequest& request) {
  const auto entry = ledger_.find(request.path_parameter);
  if (!entry) {
    return common::to_response(
        {.status = 404, .detail = "there is no payment for the invoice " + request.path_parameter});
  }
  HttpResponse response;
  append_detailed_json(response.body, *entry);
  response.body += '\n';
  return response;
}

void Routes::pay(const HttpRequest& request, const HttpRespond& respond) {
  const auto [id, amount] = read_payment(common::read_json(request.body));
  const auto orders = std::make_shared<const std::vector<PaymentOrder>>(
      1, PaymentOrder{.idempotency_key = read_idempotency_key(request, id),
                      .invoice_id = id,
                      .amount = amount,
                      .refusal = find_refusal(rules_, amount)});
  recordings_.submit(orders, [respond, orders](const auto& outcomes) {
    respond([&] { return to_response(orders->front(), outcomes().front()); });
  });
}

void Routes::pay_batch(const HttpRequest& request, const HttpRespond& respond) {
  if (!request.header_values("Idempotency-Key").empty()) {
    throw common::BadRequest("each payment of a batch has its own key: send no Idempotency-Key");
  }
  const auto orders =
      std::make_shared<const std::vector<PaymentOrder>>(read_batch(request.body, rules_));
  recordings_.submit(
      orders,
      [respond, orders](const auto& outcomes) {
        respond([&] { return to_response(*orders, outcomes()); });
      },
      orders->size());
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
