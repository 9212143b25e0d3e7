#include "invoice-app/copied_data.h"

#include <array>

#include "invoice-app/postgres_invoice_store.h"
#include "invoice-app/sqlite_invoice_store.h"

namespace invoice_app {
namespace {

using common::CopiedColumn;

constexpr std::array kInvoices = {
    CopiedColumn{"sequence", "BIGINT"},      CopiedColumn{"id", "TEXT"},
    CopiedColumn{"amount_minor", "BIGINT"},  CopiedColumn{"currency", "TEXT"},
    CopiedColumn{"state", "BIGINT"},         CopiedColumn{"generation", "BIGINT"},
    CopiedColumn{"attempt", "BIGINT"},       CopiedColumn{"claimable_at_ms", "BIGINT"},
    CopiedColumn{"lease_owner", "TEXT"},     CopiedColumn{"refusal", "TEXT"},
    CopiedColumn{"created_at_ms", "BIGINT"}, CopiedColumn{"paid_at_ms", "BIGINT"},
    CopiedColumn{"refused_at_ms", "BIGINT"}, CopiedColumn{"refused_attempt", "BIGINT"}};

constexpr std::array kPaymentRequest = {CopiedColumn{"only_row", "BIGINT"},
                                        CopiedColumn{"through", "BIGINT"},
                                        CopiedColumn{"due_since_ms", "BIGINT"}};

// Without the table "audit": nobody has compared the copy with a ledger.
constexpr std::array kTables = {common::CopiedTable{"invoices", kInvoices},
                                common::CopiedTable{"payment_request", kPaymentRequest}};

}  // namespace

common::CopiedData copied_data() {
  return {.sqlite = SqliteInvoiceStore::kSchema,
          .postgres = PostgresInvoiceStore::kSchema,
          .tables = kTables,
          .currency = "currency",
          .amount = "amount_minor",
          .status = "''",
          // SQLite takes the next sequence from the table itself. If rows were removed by hand,
          // payment may be requested for later sequences, which no new invoice may get.
          .postgres_counter =
              "UPDATE invoice_counter SET last = GREATEST((SELECT through FROM payment_request), "
              "(SELECT coalesce(max(sequence), 0) FROM invoices))"};
}

}  // namespace invoice_app
