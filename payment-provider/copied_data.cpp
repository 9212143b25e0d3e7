#include "payment-provider/copied_data.h"

#include <array>

#include "payment-provider/postgres_ledger.h"
#include "payment-provider/sqlite_ledger.h"

namespace payment_provider {
namespace {

using common::CopiedColumn;

constexpr std::array kPayments = {
    CopiedColumn{"sequence", "BIGINT"},     CopiedColumn{"idempotency_key", "TEXT"},
    CopiedColumn{"invoice_id", "TEXT"},     CopiedColumn{"amount_minor", "BIGINT"},
    CopiedColumn{"currency", "TEXT"},       CopiedColumn{"refusal", "TEXT"},
    CopiedColumn{"decided_at_ms", "BIGINT"}};

constexpr std::array kTables = {common::CopiedTable{"payments", kPayments}};

}  // namespace

common::CopiedData copied_data() {
  return {.sqlite = SqliteLedger::kSchema,
          .postgres = PostgresLedger::kSchema,
          .tables = kTables,
          .currency = "currency",
          .amount = "amount_minor",
          .status = "CASE WHEN refusal IS NULL THEN 'accepted' ELSE 'refused' END",
          // SQLite takes the next sequence from the table itself.
          .postgres_counter =
              "UPDATE payment_counter SET last = "
              "(SELECT coalesce(max(sequence), 0) FROM payments)"};
}

}  // namespace payment_provider
