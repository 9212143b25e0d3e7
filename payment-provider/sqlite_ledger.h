// The ledger in SQLite. Two unique indexes ensure that an invoice is paid once: one on the
// idempotency key, and one on the invoice of accepted payments.

#ifndef PAYMENT_PROVIDER_SQLITE_LEDGER_H_
#define PAYMENT_PROVIDER_SQLITE_LEDGER_H_

#include <string>

#include "common/base/clock.h"
#include "common/storage/sqlite_database.h"
#include "payment-provider/ledger.h"

namespace payment_provider {

class SqliteLedger : public Ledger {
 public:
  static const common::SqliteSchema kSchema;

  // Throws common::Unavailable if the file can't be used. `clock` must outlive the ledger.
  SqliteLedger(const std::string& path, const common::Clock& clock);

  std::vector<PaymentOutcome> record(std::span<const PaymentOrder> orders) override;
  std::vector<LedgerEntry> page(const LedgerFilter& filter, std::int64_t after,
                                std::size_t limit) override;
  std::optional<LedgerEntry> find(const std::string& invoice_id) override;
  std::vector<LedgerTotal> totals() override;
  std::optional<std::uint64_t> version() override { return database_.version(); }
  std::optional<std::uint64_t> committed_version() override {
    return database_.committed_version();
  }
  void check() override { database_.check(); }

 private:
  const common::Clock& clock_;
  common::SqliteDatabase database_;
};

}  // namespace payment_provider

#endif  // PAYMENT_PROVIDER_SQLITE_LEDGER_H_
