// The SQL of the table "audit", which is the same in both kinds of database.

#ifndef INVOICE_APP_AUDIT_STATEMENTS_H_
#define INVOICE_APP_AUDIT_STATEMENTS_H_

#include <cstddef>
#include <tuple>

#include "common/storage/unix_time.h"
#include "invoice-app/audit_record.h"

namespace invoice_app {

// The counts are in the order of Difference.
inline constexpr const char* kSelectAudit =
    "SELECT started_at_ms, finished_at_ms, paid_without_payment, payment_without_invoice, "
    "payment_of_unpaid_invoice, different_amount, paid_twice FROM audit";

// The condition is AuditRecord::replaces().
inline constexpr const char* kRecordAudit =
    "INSERT INTO audit (only_row, started_at_ms, finished_at_ms, paid_without_payment, "
    "payment_without_invoice, payment_of_unpaid_invoice, different_amount, paid_twice) "
    "VALUES (1, $1, $2, $3, $4, $5, $6, $7) ON CONFLICT (only_row) DO UPDATE SET "
    "started_at_ms = excluded.started_at_ms, finished_at_ms = excluded.finished_at_ms, "
    "paid_without_payment = excluded.paid_without_payment, "
    "payment_without_invoice = excluded.payment_without_invoice, "
    "payment_of_unpaid_invoice = excluded.payment_of_unpaid_invoice, "
    "different_amount = excluded.different_amount, paid_twice = excluded.paid_twice "
    "WHERE audit.started_at_ms < excluded.started_at_ms "
    "OR audit.finished_at_ms > excluded.finished_at_ms";

// Runs kRecordAudit.
template <typename Connection>
void write_audit(Connection& connection, const AuditRecord& record) {
  const auto& counts = record.differences;
  static_assert(std::tuple_size_v<DifferenceCounts> == 5);
  connection.run(kRecordAudit, common::to_unix_ms(record.started_at),
                 common::to_unix_ms(record.finished_at), counts[0], counts[1], counts[2], counts[3],
                 counts[4]);
}

// The row of kSelectAudit. `number` reads the column with this index.
template <typename ReadNumber>
AuditRecord read_audit(ReadNumber number) {
  AuditRecord record{common::from_unix_ms(number(0)), common::from_unix_ms(number(1))};
  for (std::size_t i = 0; i < record.differences.size(); ++i) {
    record.differences.at(i) = number(static_cast<int>(i) + 2);
  }
  return record;
}

}  // namespace invoice_app

#endif  // INVOICE_APP_AUDIT_STATEMENTS_H_
