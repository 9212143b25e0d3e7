#include "invoice-app/routes.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/ascii.h"
#include "common/http/event_stream.h"
#include "common/http/page.h"
#include "common/http/problem.h"
#include "common/http/query.h"
#include "common/http/static_file.h"
#include "common/json/json.h"
#include "invoice-app/invoice_json.h"

namespace invoice_app {

extern const std::string_view kOpenApi;  // openapi.json

namespace {

using common::HttpRequest;
using common::HttpRespond;
using common::HttpResponse;
using common::JsonArray;
using common::JsonValue;

// A longer commit would keep other writers waiting.
constexpr std::size_t kMaxAddedPerCommit = 20'000;
constexpr std::size_t kMaxQueuedInvoices = 10 * kMaxAddedPerCommit;  // about a second of work

// Query parameters.
constexpr const char* kStatusName = "status";
constexpr const char* kCurrencyName = "currency";
constexpr const char* kPrefixName = "prefix";
constexpr const char* kPrefixForm = "1 to 64 of A-Z a-z 0-9 . _ -";

std::size_t count_of(std::span<const std::vector<NewInvoice>> groups) {
  std::size_t count = 0;
  for (const auto& group : groups) count += group.size();
  return count;
}

std::optional<std::string> parse_prefix(std::string_view text) {
  return common::is_id(text) ? std::optional(std::string(text)) : std::nullopt;
}

std::string to_json(const std::vector<Invoice>& invoices, bool as_array) {
  std::string body;
  for (const Invoice& invoice : invoices) {
    if (!body.empty()) body += ',';
    append_invoice(body, invoice);
  }
  return as_array ? '[' + body + "]\n" : body + '\n';
}

// An array if the request was one.
HttpResponse to_response(const AddOutcome& outcome, bool as_array) {
  if (outcome.conflict) {
    return common::to_response(
        {.status = 409,
         .detail = "invoice " + *outcome.conflict + " exists with a different amount"});
  }
  return {.status = outcome.added > 0 ? 201 : 200, .body = to_json(outcome.invoices, as_array)};
}

HttpResponse provider_unavailable(const std::string& failure, const char* invoices_are,
                                  decltype(common::Problem::members) counts = {}) {
  HttpResponse response = common::to_response(
      {.status = 503,
       .detail = "the payment provider is unavailable (" + failure + "); " + invoices_are +
                 " paid in the background when it is available again",
       .type = "provider-unavailable",
       .members = std::move(counts)});
  response.headers.emplace_back("Retry-After", "2");
  return response;
}

std::string to_members(const PayReport& report) {
  return "\"Paid\":" + std::to_string(report.paid) +
         ",\"Refused\":" + std::to_string(report.refused) +
         ",\"Pending\":" + std::to_string(report.pending);
}

HttpResponse to_response(const PayReport& report) {
  const decltype(common::Problem::members) counts = {
      {"Paid", report.paid}, {"Refused", report.refused}, {"Pending", report.pending}};
  if (report.provider_unavailable) {
    return provider_unavailable(*report.provider_unavailable, "the invoices are", counts);
  }
  if (report.pending == 0 && report.refused > 0) {
    return common::to_response({.status = 502,
                                .detail = "the payment provider refused " +
                                          std::to_string(report.refused) +
                                          " of the invoices: they are not paid",
                                .type = "payment-refused",
                                .members = counts});
  }
  return {.status = report.pending > 0 ? 202 : 200, .body = '{' + to_members(report) + "}\n"};
}

// The end of a stream says how it ended.
std::string write_event(common::EventStream& events, const WatchReport& report) {
  using State = WatchReport::State;
  std::string members = to_members(report) + ",\"Rate\":" + std::to_string(report.rate);
  if (report.provider_unavailable) {
    members += ",\"ProviderUnavailable\":" + common::to_json_string(*report.provider_unavailable);
  }
  if (report.state == State::kSettled) members += R"(,"End":"settled")";
  if (report.state == State::kStopping) {
    members += R"(,"End":"stopping","Detail":"this process stops; payment continues in the )"
               R"(background")";
  }
  return events.write(report.state == State::kRunning ? "progress" : "end", '{' + members + '}',
                      std::chrono::steady_clock::now());
}

HttpResponse stream_progress(PayAndWatch& pay_and_watch,
                             const std::shared_ptr<PayAndWatch::Run>& run) {
  struct State {  // the connection and the thread of PayAndWatch use it alternately
    common::EventStream events = {};
    bool has_ended = false;
  };
  return common::respond_with_events([&pay_and_watch, run, state = std::make_shared<State>()](
                                         const common::OnHttpChunk& on_chunk) {
    if (state->has_ended) return on_chunk(std::nullopt);
    pay_and_watch.watch(run, [state, on_chunk](const WatchReport& report) {
      std::string bytes = write_event(state->events, report);
      if (bytes.empty()) return false;
      state->has_ended = report.state != WatchReport::State::kRunning;
      on_chunk(std::move(bytes));
      return true;
    });
  });
}

HttpResponse no_invoice(const std::string& id) {
  return common::to_response({.status = 404, .detail = "there is no invoice " + id});
}

HttpResponse to_response(int status, const InvoiceDetails& invoice) {
  HttpResponse response{.status = status};
  append_details(response.body, invoice);
  response.body += '\n';
  return response;
}

HttpResponse to_response(const InvoiceReport& report, const std::string& id) {
  if (!report.invoice) return no_invoice(id);
  const InvoiceDetails& invoice = *report.invoice;
  if (invoice.is_paid()) return to_response(200, invoice);
  if (report.provider_unavailable) {
    return provider_unavailable(*report.provider_unavailable, "the invoice is");
  }
  if (invoice.state == InvoiceState::kRefused) {
    return common::to_response({.status = 502,
                                .detail = "the payment provider refused invoice " + id +
                                          ", which stays unpaid: " + invoice.refusal,
                                .type = "payment-refused"});
  }
  return to_response(202, invoice);
}

}  // namespace

Routes::Routes(InvoiceStore& store, PayInvoices& pay_invoices, PayAndWatch& pay_and_watch,
               common::CommitMetrics add_commits)
    : store_(store),
      pay_invoices_(pay_invoices),
      pay_and_watch_(pay_and_watch),
      list_(store, append_invoice),
      summary_rows_(store),
      summary_(summary_rows_, [](std::string& out,
                                 const InvoiceSummary::Row& row) { append_total(out, row.total); }),
      additions_(
          [&store, add_commits](auto groups) mutable {
            return add_commits.measure(count_of(groups), [&] { return store.add(groups); });
          },
          {.max_weight = kMaxAddedPerCommit, .max_queued = kMaxQueuedInvoices}) {}

void Routes::add_to(common::HttpRouter& router) {
  using Access = common::HttpRouter::Access;
  common::add_static_file(router, "/openapi.json", {kOpenApi, "application/json"});
  router
      .get(
          "/invoices", [this](const HttpRequest& request) { return list(request); },
          Access::kGuarded, [this](const HttpRequest& request) { return list_.find(request); },
          {kStatusName, kCurrencyName, kPrefixName, std::string(common::kLimitName),
           std::string(common::kCursorName)})
      .may_respond({304});
  router
      .get("/invoices/{id}",
           [this](const HttpRequest& request) {
             const auto invoice = store_.find(request.path_parameter);
             return invoice ? to_response(200, *invoice) : no_invoice(request.path_parameter);
           })
      .may_respond({404});
  router
      .get(
          "/summary", [this](const HttpRequest& request) { return summary_.get(request); },
          Access::kGuarded, [this](const HttpRequest& request) { return summary_.find(request); })
      .may_respond({304});
  router
      .post_deferred("/invoices",
                     {.max_bytes = common::kMaxInvoicesBodyBytes, .json_required = true},
                     [this](const HttpRequest& request, const HttpRespond& respond) {
                       add_invoices(request, respond);
                     })
      .may_respond({201, 409});
  router
      .post_deferred(
          "/invoices/pay", {},
          [this](const HttpRequest& request, const HttpRespond& respond) { pay(request, respond); })
      .may_respond({202, 502});
  router
      .post_deferred("/invoices/{id}/pay", {},
                     [this](const HttpRequest& request, const HttpRespond& respond) {
                       pay_one(request.path_parameter, respond);
                     })
      .may_respond({202, 404, 502});
}

HttpResponse Routes::list(const HttpRequest& request) {
  if (request.query.empty()) return list_.get(request);
  const InvoiceFilter filter{
      .state = common::read_choice(request, kStatusName, kStatuses),
      .currency = common::read_parameter(request, kCurrencyName, "a currency code of ISO 4217",
                                         common::Currency::find_any),
      .id_prefix =
          common::read_parameter(request, kPrefixName, kPrefixForm, parse_prefix).value_or("")};
  const std::size_t limit = common::read_limit(request);
  const auto invoices = store_.page(filter, common::read_cursor(request), limit + 1);
  return common::respond_with_page(
      request, invoices, limit, append_details,
      [](const InvoiceDetails& invoice) { return std::to_string(invoice.sequence); });
}

void Routes::add_invoices(const HttpRequest& request, const HttpRespond& respond) {
  const JsonValue document = common::read_json(request.body);
  const bool is_array = document.as<JsonArray>() != nullptr;
  std::vector<NewInvoice> invoices = read_invoices(document);
  const std::size_t weight = invoices.size();
  additions_.submit(
      std::move(invoices),
      [respond, is_array](const auto& outcome) {
        respond([&] { return to_response(outcome(), is_array); });
      },
      weight);
}

void Routes::pay(const HttpRequest& request, const HttpRespond& respond) {
  if (request.asks_for(common::kEventStreamType, "application/json")) {
    return pay_and_watch_.pay_all([this, respond](const auto& run) {
      respond([&] { return stream_progress(pay_and_watch_, run()); });
    });
  }
  pay_invoices_.pay_all(
      [respond](const auto& report) { respond([&] { return to_response(report()); }); });
}

void Routes::pay_one(const std::string& id, const common::HttpRespond& respond) {
  pay_invoices_.pay_one(id, [respond, id](const auto& report) {
    respond([&] { return to_response(report(), id); });
  });
}

}  // namespace invoice_app
