// Invoices in SQLite. A request to pay all writes one row, "everything up to this sequence", so it
// costs the same for three invoices and for a million. sqlite_invoice_queries.h reads.

#ifndef INVOICE_APP_SQLITE_INVOICE_STORE_H_
#define INVOICE_APP_SQLITE_INVOICE_STORE_H_

#include <string>

#include "common/base/clock.h"
#include "common/storage/sqlite_database.h"
#include "invoice-app/invoice_store.h"

namespace invoice_app {

class SqliteInvoiceStore : public InvoiceStore {
 public:
  static const common::SqliteSchema kSchema;

  // Throws common::Unavailable if the file can't be used. `clock` must outlive the store.
  SqliteInvoiceStore(const std::string& path, const common::Clock& clock,
                     common::Opening opening = common::Opening::kMigrate);

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
  std::optional<std::uint64_t> version() override { return database_.version(); }
  std::optional<std::uint64_t> committed_version() override {
    return database_.committed_version();
  }
  void check() override { database_.check(); }

 private:
  const common::Clock& clock_;
  common::SqliteDatabase database_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_SQLITE_INVOICE_STORE_H_
