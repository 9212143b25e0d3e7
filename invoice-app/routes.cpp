#include "invoice-app/routes.h"

#include <chrono>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/http/list.h"
#include "common/http/problem.h"
#include "common/json/json.h"
#include "common/json/payable.h"

namespace invoice_app {
namespace {

using common::HttpRequest;
using common::HttpResponse;
using common::JsonArray;
using common::JsonValue;

constexpr common::PayableNames kNames = {"InvoiceId", "Value", "Currency"};
constexpr std::size_t kListPage = 1000;            // invoices read in one transaction
constexpr std::size_t kMaxAddBytes = 1024 * 1024;  // an array of thousands

void append_json(std::string& out, const Invoice& invoice) {
  common::append_payable(out, kNames, invoice.id, invoice.amount);
  out.append(invoice.is_paid() ? R"(,"IsPaid":true})" : R"(,"IsPaid":false})");
}

HttpResponse bad_request(std::string detail) {
  return common::to_response({.status = 400, .detail = std::move(detail)});
}

// A client may send an invoice as GET shows it, but nothing becomes paid by saying so.
std::variant<NewInvoice, std::string> read_invoice(const JsonValue& value) {
  auto payable = common::read_payable(value, kNames);
  if (auto* error = std::get_if<std::string>(&payable)) return std::move(*error);
  if (const JsonValue* is_paid = value.find("IsPaid")) {
    const bool* paid = is_paid->as<bool>();
    if (paid == nullptr || *paid) return std::string("IsPaid must be false or absent");
  }
  auto& [id, amount] = std::get<common::Payable>(payable);
  return NewInvoice{std::move(id), amount};
}

std::variant<std::vector<NewInvoice>, std::string> read_invoices(const JsonValue& document) {
  const auto* array = document.as<JsonArray>();
  if (array == nullptr) {
    auto invoice = read_invoice(document);
    if (auto* error = std::get_if<std::string>(&invoice)) return std::move(*error);
    return std::vector<NewInvoice>{std::get<NewInvoice>(std::move(invoice))};
  }
  std::vector<NewInvoice> invoices;
  invoices.reserve(array->size());
  for (const JsonValue& element : *array) {
    auto invoice = read_invoice(element);
    if (const auto* error = std::get_if<std::string>(&invoice)) {
      return "invoice " + std::to_string(invoices.size() + 1) + " of the array: " + *error;
    }
    invoices.push_back(std::get<NewInvoice>(std::move(invoice)));
  }
  return invoices;
}

std::string to_json(const std::vector<Invoice>& invoices, bool as_array) {
  std::string body;
  for (const Invoice& invoice : invoices) {
    if (!body.empty()) body += ',';
    append_json(body, invoice);
  }
  return as_array ? '[' + body + "]\n" : body + '\n';
}

}  // namespace

Routes::Routes(InvoiceStore& store, PayInvoices& pay_invoices, const AddLimits& limits)
    : store_(store),
      additions_at_one_time_(limits.bytes_at_one_time, limits.longest_wait),
      pay_invoices_(pay_invoices),
      additions_([&store](auto groups) { return store.add(groups); }) {}

void Routes::add_to(common::HttpRouter& router) {
  router.get("/invoices", [this](const HttpRequest&) { return list_invoices(); });
  router.post("/invoices", {.max_bytes = kMaxAddBytes, .json_required = true},
              [this](const HttpRequest& request) { return add_invoices(request); });
  router.post("/invoices/pay", {}, [this](const HttpRequest&) { return pay(); });
}

HttpResponse Routes::list_invoices() const {
  return common::json_list([this, after = std::int64_t{0}](std::string& out) mutable {
    const std::vector<Invoice> page = store_.list(after, kListPage);
    for (const Invoice& invoice : page) {
      out += ',';
      append_json(out, invoice);
      after = invoice.sequence;
    }
    return page.size() == kListPage;
  });
}

HttpResponse Routes::add_invoices(const HttpRequest& request) {
  const common::ByteBudget::Share share(additions_at_one_time_, request.body.size());
  const auto parsed = common::parse_json(request.body);
  if (const auto* error = std::get_if<common::JsonError>(&parsed)) {
    return bad_request(error->message);
  }
  const auto& document = std::get<JsonValue>(parsed);
  auto read = read_invoices(document);
  if (auto* error = std::get_if<std::string>(&read)) return bad_request(std::move(*error));
  const auto& invoices = std::get<std::vector<NewInvoice>>(read);

  const AddOutcome outcome = additions_.run(invoices);
  if (outcome.conflict) {
    return common::to_response({.status = 409,
                                .detail = "invoice " + invoices[*outcome.conflict].id +
                                          " exists with a different amount"});
  }
  return {.status = outcome.added > 0 ? 201 : 200,
          .body = to_json(outcome.invoices, document.as<JsonArray>() != nullptr)};
}

HttpResponse Routes::pay() {
  const PayReport report = pay_invoices_.pay_all();
  const decltype(common::Problem::members) counts = {
      {"Paid", report.paid}, {"Refused", report.refused}, {"Pending", report.pending}};
  if (report.provider_unavailable) {
    HttpResponse response = common::to_response(
        {.status = 503,
         .detail = "the payment provider can't be used now (" + *report.provider_unavailable +
                   "); payment goes on in the background when it can",
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

}  // namespace invoice_app
