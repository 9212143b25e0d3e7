// Invoices in PostgreSQL, or in a database with its protocol. The states are those of
// SqliteInvoiceStore. postgres_invoice_queries.h reads. docs/design.md says which transactions wait
// for which.

#ifndef INVOICE_APP_POSTGRES_INVOICE_STORE_H_
#define INVOICE_APP_POSTGRES_INVOICE_STORE_H_

#include <string>

#include "common/base/clock.h"
#include "common/storage/postgres_database.h"
#include "invoice-app/invoice_store.h"

namespace invoice_app {

struct PostgresInvoiceStoreOptions {
  // Lets concurrent claims pass each other. Without it, as in databases that do not have it, the
  // later one waits, and finds fewer invoices.
  bool skip_locked = true;
  // Dates changes; must outlive the store. nullptr: the clock of the database, which all processes
  // share.
  const common::Clock* clock = nullptr;
  common::Opening opening = common::Opening::kMigrate;
};

class PostgresInvoiceStore : public InvoiceStore {
 public:
  static const common::PostgresSchema kSchema;

  // Throws std::invalid_argument if the URL is malformed, and common::Unavailable if the database
  // can't be used.
  explicit PostgresInvoiceStore(const std::string& url, PostgresInvoiceStoreOptions options = {});

  std::vector<AddOutcome> add(std::span<const std::vector<NewInvoice>> groups) override;
  std::vector<Invoice> list(std::int64_t after, std::size_t limit) override;
  std::vector<InvoiceDetails> page(const InvoiceFilter& filter, std::int64_t after,
                                   std::size_t limit) override;
  std::optional<InvoiceDetails> find(const std::string& id) override;
  std::vector<Invoice> find_all(std::span<const std::string> ids) override;
  std::vector<InvoiceTotal> totals() override;
  std::optional<common::WallTime> due_since() override;
  void record_audit(const AuditRecord& record) override;
  std::optional<AuditRecord> last_audit() override;
  void write(std::string_view what, const Work& work) override;
  PayProgress progress(const PayRun& run) override;
  bool is_pending(const PayRun& run) override;
  std::vector<std::string> pending_of(std::span<const std::string> ids) override;
  bool is_claimable(const Lease& lease) override;
  void release(const std::string& owner) override;
  // Unknown: PostgreSQL tells it only in a transaction.
  std::optional<std::uint64_t> version() override { return std::nullopt; }
  std::optional<std::uint64_t> committed_version() override { return std::nullopt; }
  void check() override { database_.check(); }

  // For leases: all processes on the same database have this clock.
  const common::Clock& clock() const { return database_.clock(); }

 private:
  common::PostgresDatabase database_;
  const PostgresInvoiceStoreOptions options_;
  const common::Clock& clock_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_POSTGRES_INVOICE_STORE_H_
