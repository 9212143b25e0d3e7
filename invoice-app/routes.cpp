#include "invoice-app/routes.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "common/base/bad_request.h"
#include "common/http/problem.h"
#include "common/json/json.h"
#include "common/json/payable.h"

namespace invoice_app {
namespace {

using common::HttpRequest;
using common::HttpRespond;
using common::HttpResponse;
using common::JsonArray;
using common::JsonValue;

// A longer commit would keep other writers waiting.
constexpr std::size_t kMaxAddedPerCommit = 20'000;
constexpr std::size_t kMaxQueuedInvoices = 10 * kMaxAddedPerCommit;  // about a second of work

constexpr common::PayableNames kInvoiceNames = {"InvoiceId", "Value", "Currency"};

void append_json(std::string& out, const Invoice& invoice) {
  common::append_payable(out, kInvoiceNames, invoice.id, invoice.amount);
  out.append(invoice.is_paid() ? R"(,"IsPaid":true})" : R"(,"IsPaid":false})");
}

// A client may send an invoice as GET shows it, but a client can't mark an invoice as paid.
NewInvoice read_invoice(const JsonValue& value) {
  auto [id, amount] = common::read_payable(value, kInvoiceNames);
  if (const JsonValue* is_paid = value.find("IsPaid")) {
    const bool* paid = is_paid->as<bool>();
    if (paid == nullptr || *paid) throw common::BadRequest("IsPaid must be false or absent");
  }
  return {std::move(id), amount};
}

std::vector<NewInvoice> read_invoices(const JsonValue& document) {
  const auto* array = document.as<JsonArray>();
  if (array == nullptr) return {read_invoice(document)};
  return common::read_elements(*array, "invoice", read_invoice);
}

std::string to_json(const std::vector<Invoice>& invoices, bool as_array) {
  std::string body;
  for (const Invoice& invoice : invoices) {
    if (!body.empty()) body += ',';
    append_json(body, invoice);
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

HttpResponse to_response(const PayReport& report) {
  const decltype(common::Problem::members) counts = {
      {"Paid", report.paid}, {"Refused", report.refused}, {"Pending", report.pending}};
  if (report.provider_unavailable) {
    HttpResponse response = common::to_response(
        {.status = 503,
         .detail = "the payment provider is unavailable (" + *report.provider_unavailable +
                   "); the invoices are paid in the background when it is available again",
         .type = "provider-unavailable",
         .members = counts});
    response.headers.emplace_back("Retry-After", "2");
    return response;
  }
  if (report.pending == 0 && report.refused > 0) {
    return common::to_response({.status = 502,
                                .detail = "the payment provider refused " +
                                          std::to_string(report.refused) +
                                          " of the invoices; they stay unpaid",
                                .type = "payment-refused",
                                .members = counts});
  }
  return {.status = report.pending > 0 ? 202 : 200,
          .body = "{\"Paid\":" + std::to_string(report.paid) +
                  ",\"Refused\":" + std::to_string(report.refused) +
                  ",\"Pending\":" + std::to_string(report.pending) + "}\n"};
}

}  // namespace

Routes::Routes(InvoiceStore& store, PayInvoices& pay_invoices)
    : pay_invoices_(pay_invoices),
      list_(store, append_json),
      additions_([&store](auto groups) { return store.add(groups); },
                 {.max_weight = kMaxAddedPerCommit, .max_queued = kMaxQueuedInvoices}) {}

void Routes::add_to(common::HttpRouter& router) {
  router.get(
      "/invoices", [this](const HttpRequest& request) { return list_.get(request); },
      common::HttpRouter::Access::kGuarded,
      [this](const HttpRequest& request) { return list_.find(request); });
  router.post_deferred("/invoices",
                       {.max_bytes = common::kMaxInvoicesBodyBytes, .json_required = true},
                       [this](const HttpRequest& request, const HttpRespond& respond) {
                         add_invoices(request, respond);
                       });
  router.post_deferred("/invoices/pay", {},
                       [this](const HttpRequest&, const HttpRespond& respond) { pay(respond); });
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

void Routes::pay(const HttpRespond& respond) {
  pay_invoices_.pay_all(
      [respond](const auto& report) { respond([&] { return to_response(report()); }); });
}

}  // namespace invoice_app
