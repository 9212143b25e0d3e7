// Invoices as JSON, as the public API has them. Functions are thread-safe.

#ifndef INVOICE_APP_INVOICE_JSON_H_
#define INVOICE_APP_INVOICE_JSON_H_

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/json/json.h"
#include "invoice-app/invoice.h"

namespace invoice_app {

// The names of the states.
inline constexpr std::array<std::pair<std::string_view, InvoiceState>, 4> kStatuses = {
    {{"unpaid", InvoiceState::kUnpaid},
     {"sending", InvoiceState::kSending},
     {"paid", InvoiceState::kPaid},
     {"refused", InvoiceState::kRefused}}};

// Throw BadRequest, which names what is wrong. An array or one invoice.
std::vector<NewInvoice> read_invoices(const common::JsonValue& document);

// {"InvoiceId":"I1","Value":12.15,"Currency":"EUR","IsPaid":false}
void append_invoice(std::string& out, const Invoice& invoice);

// The same with more members: "Status", "Attempts", and "Refusal", "CreatedAt", "PaidAt" and
// "RefusedAt" if they are known.
void append_details(std::string& out, const InvoiceDetails& invoice);

// {"Currency":"EUR","Status":"paid","Count":2,"Sum":24.30}. Without "Sum" if this program does not
// know the currency, and so not its decimals either.
void append_total(std::string& out, const InvoiceTotal& total);

}  // namespace invoice_app

#endif  // INVOICE_APP_INVOICE_JSON_H_
