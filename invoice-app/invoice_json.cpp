#include "invoice-app/invoice_json.h"

#include <cstddef>
#include <optional>

#include "common/base/bad_request.h"
#include "common/base/clock.h"
#include "common/json/payable.h"

namespace invoice_app {
namespace {

using common::JsonArray;
using common::JsonValue;

constexpr common::PayableNames kInvoiceNames = {"InvoiceId", "Value", "Currency"};

// A client may send an invoice as GET shows it, but a client can't mark an invoice as paid.
NewInvoice parse_invoice(const JsonValue& value) {
  auto [id, amount] = common::read_payable(value, kInvoiceNames);
  if (const JsonValue* is_paid = value.find("IsPaid")) {
    const bool* paid = is_paid->as<bool>();
    if (paid == nullptr || *paid) throw common::BadRequest("IsPaid must be false or absent");
  } else {
    common::refuse_another_case(*value.as<common::JsonObject>(), "IsPaid");
  }
  return {std::move(id), amount};
}

std::string_view status(InvoiceState state) {
  return kStatuses[static_cast<std::size_t>(state)].first;
}

static_assert([] {
  for (std::size_t i = 0; i < kStatuses.size(); ++i) {
    if (kStatuses[i].second != static_cast<InvoiceState>(i)) return false;
  }
  return true;
}());

void append_time(std::string& out, std::string_view name, std::optional<common::WallTime> time) {
  if (!time) return;
  out.append(",\"").append(name).append("\":\"").append(common::to_rfc3339(*time)).append("\"");
}

}  // namespace

std::vector<NewInvoice> read_invoices(const JsonValue& document) {
  const auto* array = document.as<JsonArray>();
  if (array == nullptr) return {parse_invoice(document)};
  return common::read_elements(*array, "invoice", parse_invoice);
}

void append_invoice(std::string& out, const Invoice& invoice) {
  common::append_payable(out, kInvoiceNames, invoice.id, invoice.amount);
  out.append(invoice.is_paid() ? R"(,"IsPaid":true})" : R"(,"IsPaid":false})");
}

void append_details(std::string& out, const InvoiceDetails& invoice) {
  append_invoice(out, invoice);
  out.back() = ',';
  out.append(R"("Status":")").append(status(invoice.state)).append("\"");
  out.append(R"(,"Attempts":)").append(std::to_string(invoice.attempts));
  if (!invoice.refusal.empty()) {
    out.append(R"(,"Refusal":)").append(common::to_json_string(invoice.refusal));
  }
  append_time(out, "CreatedAt", invoice.created_at);
  append_time(out, "PaidAt", invoice.paid_at);
  append_time(out, "RefusedAt", invoice.refused_at);
  out += '}';
}

void append_total(std::string& out, const InvoiceTotal& total) {
  out.append(R"({"Currency":)").append(common::to_json_string(total.currency));
  out.append(R"(,"Status":")").append(status(total.state)).append("\"");
  out.append(R"(,"Count":)").append(std::to_string(total.count));
  if (const auto currency = common::Currency::find_any(total.currency)) {
    out.append(R"(,"Sum":)").append(common::to_decimal(total.sum.minor_units(), *currency));
  }
  out += '}';
}

}  // namespace invoice_app
