// What SqliteInvoiceStore reads. Each function is a part of a read transaction, and throws what
// SqliteConnection throws. `InvoiceStore` says what they return.

#ifndef INVOICE_APP_SQLITE_INVOICE_QUERIES_H_
#define INVOICE_APP_SQLITE_INVOICE_QUERIES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/storage/sqlite_database.h"
#include "invoice-app/invoice_store.h"

namespace invoice_app {

// nullopt if this program does not know the currency.
std::optional<common::Money> find_money(const SQLite::Column& minor_units,
                                        const SQLite::Column& currency);

// Why an invoice in such a currency cannot be shown or paid.
std::string unknown_currency(const std::string& id, const SQLite::Column& currency);

// The columns are sequence, id, amount_minor, currency, state.
Invoice read_invoice(SQLite::Statement& row);

std::vector<Invoice> list_invoices(common::SqliteConnection& connection, std::int64_t after,
                                   std::size_t limit);

std::vector<InvoiceDetails> page_of_invoices(common::SqliteConnection& connection,
                                             const InvoiceFilter& filter, std::int64_t after,
                                             std::size_t limit);

std::optional<InvoiceDetails> find_invoice(common::SqliteConnection& connection,
                                           const std::string& id);

// InvoiceStore::due_since().
std::optional<common::WallTime> find_due_since(common::SqliteConnection& connection);

// InvoiceStore::last_audit().
std::optional<AuditRecord> find_audit(common::SqliteConnection& connection);

std::vector<Invoice> find_invoices(common::SqliteConnection& connection,
                                   std::span<const std::string> ids);

struct Claimable {
  std::vector<Claim> claims;
  // Why the first one was skipped; empty if none was. Invoices in unknown currencies are left to
  // programs that know them, and do not hold up the others.
  std::string skipped_because;
};

// The invoices that may be claimed now, in the order of InvoiceStore::claim. Another process may
// have read the clock later than this one and written earlier, so a valid end may be a little later
// than the end of this lease. An end that is more than a lease length later was written before the
// clock was set back.
Claimable find_claimable(common::SqliteConnection& connection, const Lease& lease,
                         std::size_t limit);

std::vector<std::string> pending_invoices(common::SqliteConnection& connection,
                                          std::span<const std::string> ids);

// Adds invoices to the totals, in pages. SQLite cannot group a million without sorting them.
class InvoiceTotals {
 public:
  // Adds the next page; false if there are no more. Each may be in a transaction of its own.
  bool add_page(common::SqliteConnection& connection);

  std::vector<InvoiceTotal> totals() const;

 private:
  std::int64_t after_ = 0;
  std::map<std::pair<std::string, InvoiceState>, InvoiceTotal> totals_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_SQLITE_INVOICE_QUERIES_H_
