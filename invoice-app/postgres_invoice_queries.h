// What PostgresInvoiceStore reads. Each function is a part of a transaction, and throws what
// PostgresConnection throws. `InvoiceStore` says what they return.

#ifndef INVOICE_APP_POSTGRES_INVOICE_QUERIES_H_
#define INVOICE_APP_POSTGRES_INVOICE_QUERIES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/storage/postgres_connection.h"
#include "invoice-app/audit_record.h"
#include "invoice-app/invoice.h"

namespace invoice_app {

// Conditions and orders that only the index invoices_due fits, so that the planner takes it also
// before it knows anything of the table. It then expects more rows of "state < 2" than of
// "state IN (0, 1)". If it expected fewer than the limit, it would sort all of them for each claim.
inline constexpr const char* kAtOnce =
    "state < 2 AND (claimable_at_ms, sequence) <= (0::BIGINT, (SELECT through FROM "
    "payment_request))";
// Requested by its id, and released by a program that knows only version 1 of the schema.
inline constexpr const char* kReleased =
    "state = 1 AND claimable_at_ms = 0 AND sequence > (SELECT through FROM payment_request)";
inline constexpr const char* kInOrder = " ORDER BY claimable_at_ms, sequence LIMIT ";

// What read_invoice() reads.
inline constexpr const char* kInvoiceColumns = "sequence, id, amount_minor, currency, state";

// Throws common::Unavailable if this program does not know the currency.
Invoice read_invoice(const common::PostgresRows& rows, int row);

std::vector<Invoice> list_invoices(common::PostgresConnection& connection, std::int64_t after,
                                   std::size_t limit);

std::vector<InvoiceDetails> page_of_invoices(common::PostgresConnection& connection,
                                             const InvoiceFilter& filter, std::int64_t after,
                                             std::size_t limit);

std::optional<InvoiceDetails> find_invoice(common::PostgresConnection& connection,
                                           const std::string& id);

std::vector<InvoiceTotal> invoice_totals(common::PostgresConnection& connection);

// InvoiceStore::due_since().
std::optional<common::WallTime> find_due_since(common::PostgresConnection& connection);

// InvoiceStore::last_audit().
std::optional<AuditRecord> find_audit(common::PostgresConnection& connection);

std::vector<Invoice> find_invoices(common::PostgresConnection& connection,
                                   std::span<const std::string> ids);

std::vector<std::string> pending_invoices(common::PostgresConnection& connection,
                                          std::span<const std::string> ids);

}  // namespace invoice_app

#endif  // INVOICE_APP_POSTGRES_INVOICE_QUERIES_H_
