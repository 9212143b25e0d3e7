#include "invoice-app/sqlite_invoice_queries.h"

#include <algorithm>
#include <utility>

#include "common/base/unavailable.h"
#include "common/storage/unix_time.h"
#include "invoice-app/audit_statements.h"

namespace invoice_app {
namespace {

using common::SqliteConnection;
using common::to_unix_ms;

std::optional<common::WallTime> read_time(const SQLite::Column& column) {
  if (column.isNull()) return std::nullopt;
  return common::from_unix_ms(column.getInt64());
}

// The statement that read_details() reads. Programs that know only version 1 of the schema raise
// `attempt` without a change of `refused_attempt`.
std::string select_details(const std::string& condition) {
  return "SELECT sequence, id, amount_minor, currency, state, attempt, refusal, created_at_ms, "
         "paid_at_ms, CASE WHEN state = 3 AND refused_attempt = attempt THEN refused_at_ms END "
         "FROM invoices WHERE " +
         condition;
}

InvoiceDetails read_details(SQLite::Statement& row) {
  return {read_invoice(row),           row.getColumn(5).getInt64(), row.getColumn(6).getString(),
          read_time(row.getColumn(7)), read_time(row.getColumn(8)), read_time(row.getColumn(9))};
}

}  // namespace

std::optional<common::Money> find_money(const SQLite::Column& minor_units,
                                        const SQLite::Column& currency) {
  return common::stored_money(minor_units.getInt64(), currency.getString());
}

std::string unknown_currency(const std::string& id, const SQLite::Column& currency) {
  return "invoice " + id + " is in the currency " + currency.getString() +
         ", which this program does not know";
}

Invoice read_invoice(SQLite::Statement& row) {
  const std::string id = row.getColumn(1).getString();
  const auto amount = find_money(row.getColumn(2), row.getColumn(3));
  if (!amount) throw common::Unavailable(unknown_currency(id, row.getColumn(3)));
  return {.sequence = row.getColumn(0).getInt64(),
          .id = id,
          .amount = *amount,
          .state = static_cast<InvoiceState>(row.getColumn(4).getInt())};
}

std::vector<Invoice> list_invoices(SqliteConnection& connection, std::int64_t after,
                                   std::size_t limit) {
  SQLite::Statement& rows = connection.query(
      "SELECT sequence, id, amount_minor, currency, state FROM invoices "
      "WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
      after, static_cast<std::int64_t>(limit));
  std::vector<Invoice> invoices;
  while (rows.executeStep()) invoices.push_back(read_invoice(rows));
  return invoices;
}

std::vector<InvoiceDetails> page_of_invoices(SqliteConnection& connection,
                                             const InvoiceFilter& filter, std::int64_t after,
                                             std::size_t limit) {
  static const std::string select = select_details(
      "sequence > ?1 AND (?2 = -1 OR state = ?2) AND (?3 = '' OR currency = ?3) "
      "AND substr(id, 1, length(?4)) = ?4 ORDER BY sequence LIMIT ?5");
  const int state = filter.state ? static_cast<int>(*filter.state) : -1;
  const std::string currency(filter.currency ? filter.currency->code() : "");
  SQLite::Statement& rows = connection.query(select.c_str(), after, state, currency,
                                             filter.id_prefix, static_cast<std::int64_t>(limit));
  std::vector<InvoiceDetails> invoices;
  while (rows.executeStep()) invoices.push_back(read_details(rows));
  return invoices;
}

std::optional<InvoiceDetails> find_invoice(SqliteConnection& connection, const std::string& id) {
  static const std::string select = select_details("id = ?1");
  SQLite::Statement& row = connection.query(select.c_str(), id);
  if (!row.executeStep()) return std::nullopt;
  return read_details(row);
}

std::optional<common::WallTime> find_due_since(SqliteConnection& connection) {
  // Few invoices wait for the end of a lease or for a retry: claims are limited.
  SQLite::Statement& row = connection.query(
      "SELECT due_since_ms, (SELECT created_at_ms FROM invoices WHERE sequence = oldest) "
      "FROM payment_request, (SELECT min(sequence) AS oldest FROM ("
      "SELECT * FROM (SELECT sequence FROM invoices INDEXED BY due WHERE state IN (0, 1) "
      "AND claimable_at_ms = 0 AND sequence <= (SELECT through FROM payment_request) "
      "ORDER BY sequence LIMIT 1) "
      "UNION ALL SELECT sequence FROM invoices INDEXED BY due WHERE state IN (0, 1) "
      "AND claimable_at_ms > 0 "
      "UNION ALL SELECT sequence FROM invoices INDEXED BY released WHERE state = 1 "
      "AND claimable_at_ms = 0)) WHERE oldest IS NOT NULL");
  if (!row.executeStep()) return std::nullopt;
  const std::int64_t since =
      std::max<std::int64_t>(row.getColumn(0).getInt64(), row.getColumn(1).getInt64());
  return since == 0 ? std::nullopt : std::optional(common::from_unix_ms(since));
}

std::optional<AuditRecord> find_audit(SqliteConnection& connection) {
  SQLite::Statement& row = connection.query(kSelectAudit);
  if (!row.executeStep()) return std::nullopt;
  return read_audit([&row](int column) { return row.getColumn(column).getInt64(); });
}

std::vector<Invoice> find_invoices(SqliteConnection& connection, std::span<const std::string> ids) {
  std::vector<Invoice> found;
  found.reserve(ids.size());
  for (const std::string& id : ids) {
    SQLite::Statement& row = connection.query(
        "SELECT sequence, id, amount_minor, currency, state FROM invoices WHERE id = ?1", id);
    if (row.executeStep()) found.push_back(read_invoice(row));
  }
  return found;
}

Claimable find_claimable(SqliteConnection& connection, const Lease& lease, std::size_t limit) {
  Claimable found;
  const auto take = [&](SQLite::Statement& rows) {
    while (found.claims.size() < limit && rows.executeStep()) {
      std::string id = rows.getColumn(1).getString();
      const auto amount = find_money(rows.getColumn(2), rows.getColumn(3));
      if (!amount) {
        if (found.skipped_because.empty()) {
          found.skipped_because = unknown_currency(id, rows.getColumn(3));
        }
        continue;
      }
      found.claims.push_back({.sequence = rows.getColumn(0).getInt64(),
                              .id = std::move(id),
                              .amount = *amount,
                              .generation = rows.getColumn(4).getInt64(),
                              .attempt = rows.getColumn(5).getInt64() + 1});
    }
    rows.reset();
  };
  take(connection.query(
      "SELECT sequence, id, amount_minor, currency, generation, attempt FROM invoices "
      "WHERE state IN (0, 1) AND claimable_at_ms = 0 "
      "AND sequence <= (SELECT through FROM payment_request) ORDER BY sequence"));
  take(connection.query(
      "SELECT sequence, id, amount_minor, currency, generation, attempt FROM invoices "
      "WHERE state IN (0, 1) AND claimable_at_ms BETWEEN 1 AND ?1 ORDER BY claimable_at_ms",
      to_unix_ms(lease.now)));
  take(connection.query(
      "SELECT sequence, id, amount_minor, currency, generation, attempt FROM invoices "
      "WHERE state IN (0, 1) AND claimable_at_ms > ?1",
      to_unix_ms(lease.until + (lease.until - lease.now))));
  take(connection.query(
      "SELECT sequence, id, amount_minor, currency, generation, attempt FROM invoices "
      "WHERE state = 1 AND claimable_at_ms = 0 "
      "AND sequence > (SELECT through FROM payment_request) ORDER BY sequence"));
  return found;
}

std::vector<std::string> pending_invoices(SqliteConnection& connection,
                                          std::span<const std::string> ids) {
  std::vector<std::string> pending;
  for (const std::string& id : ids) {
    SQLite::Statement& row =
        connection.query("SELECT 1 FROM invoices WHERE id = ?1 AND state IN (0, 1)", id);
    if (row.executeStep()) pending.push_back(id);
  }
  return pending;
}

bool InvoiceTotals::add_page(SqliteConnection& connection) {
  constexpr std::int64_t kRows = 50'000;  // about 20 ms, for which writers wait
  SQLite::Statement& rows = connection.query(
      "SELECT sequence, currency, state, amount_minor FROM invoices "
      "WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
      after_, kRows);
  std::int64_t count = 0;
  for (; rows.executeStep(); ++count) {
    after_ = rows.getColumn(0).getInt64();
    const auto state = static_cast<InvoiceState>(rows.getColumn(2).getInt());
    const auto [total, is_new] = totals_.try_emplace({rows.getColumn(1).getString(), state});
    if (is_new) {
      total->second.currency = total->first.first;
      total->second.state = state;
    }
    ++total->second.count;
    total->second.sum.add(rows.getColumn(3).getInt64());
  }
  return count == kRows;
}

std::vector<InvoiceTotal> InvoiceTotals::totals() const {
  std::vector<InvoiceTotal> totals;
  for (const auto& [key, total] : totals_) totals.push_back(total);
  return totals;
}

}  // namespace invoice_app
