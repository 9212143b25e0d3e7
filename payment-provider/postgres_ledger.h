// The ledger in PostgreSQL, or in a database with its protocol. Two unique indexes are the last
// guard of its rules, as in SqliteLedger.

#ifndef PAYMENT_PROVIDER_POSTGRES_LEDGER_H_
#define PAYMENT_PROVIDER_POSTGRES_LEDGER_H_

#include <string>

#include "common/storage/postgres_database.h"
#include "payment-provider/ledger.h"

namespace payment_provider {

class PostgresLedger : public Ledger {
 public:
  static const common::PostgresSchema kSchema;

  // `clock` dates payments; nullptr: the clock of the database, which all processes share. Throws
  // std::invalid_argument if the URL is malformed, and common::Unavailable if the database can't be
  // used.
  explicit PostgresLedger(const std::string& url, const common::Clock* clock = nullptr);

  std::vector<PaymentOutcome> record(std::span<const PaymentOrder> orders) override;
  std::vector<LedgerEntry> page(const LedgerFilter& filter, std::int64_t after,
                                std::size_t limit) override;
  std::optional<LedgerEntry> find(const std::string& invoice_id) override;
  std::vector<LedgerTotal> totals() override;
  // Unknown: PostgreSQL tells it only in a transaction.
  std::optional<std::uint64_t> version() override { return std::nullopt; }
  std::optional<std::uint64_t> committed_version() override { return std::nullopt; }
  void check() override { database_.check(); }

 private:
  common::PostgresDatabase database_;
  const common::Clock& clock_;
};

}  // namespace payment_provider

#endif  // PAYMENT_PROVIDER_POSTGRES_LEDGER_H_
