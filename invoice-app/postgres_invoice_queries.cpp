#include "invoice-app/postgres_invoice_queries.h"

#include <algorithm>

#include "common/base/unavailable.h"
#include "common/storage/unix_time.h"
#include "invoice-app/audit_statements.h"

namespace invoice_app {
namespace {

using common::PostgresConnection;
using common::PostgresRows;

std::optional<common::WallTime> read_time(const PostgresRows& rows, int row, int column) {
  if (rows.is_null(row, column)) return std::nullopt;
  return common::from_unix_ms(rows.number(row, column));
}

// The statement that read_details() reads. Programs that know only version 1 of the schema raise
// `attempt` without a change of `refused_attempt`.
std::string select_details(const std::string& condition) {
  return std::string("SELECT ") + kInvoiceColumns +
         ", attempt, coalesce(refusal, ''), created_at_ms, paid_at_ms, "
         "CASE WHEN state = 3 AND refused_attempt = attempt THEN refused_at_ms END "
         "FROM invoices WHERE " +
         condition;
}

InvoiceDetails read_details(const PostgresRows& rows, int row) {
  return {read_invoice(rows, row), rows.number(row, 5),     rows.text(row, 6),
          read_time(rows, row, 7), read_time(rows, row, 8), read_time(rows, row, 9)};
}

template <typename ReadRow>
auto read_all(const PostgresRows& rows, ReadRow read_row) {
  std::vector<decltype(read_row(rows, 0))> elements;
  elements.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) elements.push_back(read_row(rows, row));
  return elements;
}

}  // namespace

Invoice read_invoice(const PostgresRows& rows, int row) {
  const auto amount = common::stored_money(rows.number(row, 2), rows.text(row, 3));
  if (!amount) {
    throw common::Unavailable("invoice " + rows.text(row, 1) + " is in the currency " +
                              rows.text(row, 3) + ", which this program does not know");
  }
  return {.sequence = rows.number(row, 0),
          .id = rows.text(row, 1),
          .amount = *amount,
          .state = static_cast<InvoiceState>(rows.number(row, 4))};
}

std::vector<Invoice> list_invoices(PostgresConnection& connection, std::int64_t after,
                                   std::size_t limit) {
  return read_all(
      connection.run(std::string("SELECT ") + kInvoiceColumns +
                         " FROM invoices WHERE sequence > $1 ORDER BY sequence LIMIT $2",
                     after, static_cast<std::int64_t>(limit)),
      read_invoice);
}

std::vector<InvoiceDetails> page_of_invoices(PostgresConnection& connection,
                                             const InvoiceFilter& filter, std::int64_t after,
                                             std::size_t limit) {
  std::string condition = "sequence > $1 AND left(id, length($2)) = $2";
  if (filter.state) {
    condition += " AND state = " + std::to_string(static_cast<int>(*filter.state));
  }
  if (filter.currency)
    condition += " AND currency = '" + std::string(filter.currency->code()) + '\'';
  return read_all(connection.run(select_details(condition + " ORDER BY sequence LIMIT $3"), after,
                                 filter.id_prefix, static_cast<std::int64_t>(limit)),
                  read_details);
}

std::optional<InvoiceDetails> find_invoice(PostgresConnection& connection, const std::string& id) {
  const PostgresRows rows = connection.run(select_details("id = $1"), id);
  if (rows.size() == 0) return std::nullopt;
  return read_details(rows, 0);
}

std::vector<InvoiceTotal> invoice_totals(PostgresConnection& connection) {
  // In two parts, because a sum may exceed 64 bits.
  constexpr std::int64_t kPart = 1'000'000;
  const PostgresRows rows = connection.run(
      "SELECT currency, state, count(*), sum(amount_minor / $1::BIGINT), "
      "sum(amount_minor % $1::BIGINT) FROM invoices GROUP BY currency, state "
      "ORDER BY currency, state",
      kPart);
  return read_all(rows, [](const PostgresRows& totals, int row) {
    InvoiceTotal total{.currency = totals.text(row, 0),
                       .state = static_cast<InvoiceState>(totals.number(row, 1)),
                       .count = totals.number(row, 2),
                       .sum = {}};
    total.sum.add(totals.number(row, 3), kPart);
    total.sum.add(totals.number(row, 4));
    return total;
  });
}

std::optional<common::WallTime> find_due_since(PostgresConnection& connection) {
  // Few invoices wait for the end of a lease or for a retry: claims are limited.
  static const std::string query = [] {
    const auto select = [](const std::string& condition, int limit) {
      return "(SELECT sequence FROM invoices WHERE " + condition + kInOrder +
             std::to_string(limit) + ")";
    };
    constexpr int kAll = 1'000'000;
    return "SELECT due_since_ms, (SELECT created_at_ms FROM invoices WHERE sequence = oldest) "
           "FROM payment_request, (SELECT min(sequence) AS oldest FROM (" +
           select(kAtOnce, 1) + " UNION ALL " + select("state < 2 AND claimable_at_ms > 0", kAll) +
           " UNION ALL " + select(kReleased, kAll) +
           ") AS due) AS oldest_due WHERE oldest IS NOT NULL";
  }();
  const PostgresRows rows = connection.run(query);
  const auto time = [&](int column) {
    return rows.is_null(0, column) ? 0 : rows.number(0, column);
  };
  const std::int64_t since = rows.size() == 0 ? 0 : std::max(time(0), time(1));
  return since == 0 ? std::nullopt : std::optional(common::from_unix_ms(since));
}

std::optional<AuditRecord> find_audit(PostgresConnection& connection) {
  const PostgresRows rows = connection.run(kSelectAudit);
  if (rows.size() == 0) return std::nullopt;
  return read_audit([&rows](int column) { return rows.number(0, column); });
}

std::vector<Invoice> find_invoices(PostgresConnection& connection,
                                   std::span<const std::string> ids) {
  const std::vector<std::string> wanted(ids.begin(), ids.end());
  return read_all(connection.find_each(std::string("SELECT ") + kInvoiceColumns + " FROM invoices",
                                       "id = wanted", wanted),
                  read_invoice);
}

std::vector<std::string> pending_invoices(PostgresConnection& connection,
                                          std::span<const std::string> ids) {
  const std::vector<std::string> requested(ids.begin(), ids.end());
  return read_all(
      connection.run("SELECT id FROM invoices WHERE id = ANY($1::TEXT[]) AND state < 2", requested),
      [](const PostgresRows& rows, int row) { return rows.text(row, 0); });
}

}  // namespace invoice_app
