// Keeps the invoices and the state of their payment. Not cached, so all replicas show the same. The
// stores have a clock, which dates changes.
//
// A lease says which process sends an invoice. Leases only avoid duplicate work; the provider's
// idempotency key ensures that no invoice is paid twice.
//
// Thread-safe. Several processes may use the same storage. Every call may throw
// common::Unavailable if the storage fails; then it is unknown whether the call wrote anything.

#ifndef INVOICE_APP_INVOICE_STORE_H_
#define INVOICE_APP_INVOICE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "invoice-app/audit_record.h"
#include "invoice-app/invoice.h"

namespace invoice_app {

struct AddOutcome {
  // The invoices as stored now, in the order of the group; empty if there is a conflict.
  std::vector<Invoice> invoices;
  std::size_t added = 0;  // how many of them are new
  // Id of the first invoice that exists with a different amount. Then nothing was added.
  std::optional<std::string> conflict;
};

// The invoices that one request to pay covers.
struct PayRun {
  std::int64_t through;  // every invoice up to this sequence
  std::int64_t due;      // how many of them were not paid at the time of the request
};

// Counts a run's invoices by state.
struct PayProgress {
  std::int64_t pending;  // neither paid nor refused
  std::int64_t refused;
};

struct Lease {
  std::string owner;  // unique to a process
  common::WallTime now;
  common::WallTime until;
};

// What one transaction of InvoiceStore::write() changes. Not thread-safe.
class InvoiceTransaction {
 public:
  virtual ~InvoiceTransaction() = default;

  // Makes all unpaid invoices due, durably: from now on workers of every process may claim them.
  // Refused invoices start a new generation. Waiting retries become claimable now.
  virtual PayRun request_payment() = 0;

  // The same for the invoices with these ids, whatever else is due. Returns how many of them are
  // neither paid nor refused now. Ids without an invoice are ignored.
  virtual std::int64_t request_payment_of(std::span<const std::string> ids) = 0;

  // Claims up to `limit` due invoices: they become kSending, under this lease, with attempt + 1.
  // First those that were never claimed, were released, or were requested again, oldest first; then
  // those that were requested by their id, whose lease has expired, or whose retry time has come.
  // An end later than `lease.now` plus two lease lengths was written before the clock was set back.
  // It counts as expired. Invoices in currencies that this program does not know stay due for
  // others; they are skipped.
  virtual std::vector<Claim> claim(const Lease& lease, std::size_t limit) = 0;

  // Stores outcomes of `owner`'s workers. Drops outcomes other than kPaid whose lease is lost
  // (Settlement::Kind). A paid invoice never changes.
  virtual void settle(const std::string& owner, std::span<const Settlement> settlements) = 0;
};

class InvoiceStore {
 public:
  using Work = std::function<void(InvoiceTransaction&)>;

  virtual ~InvoiceStore() = default;

  // Adds the groups in order, in one transaction. Each group is added completely or not at all. An
  // invoice that exists already with the same amount is no conflict and is not added again. Returns
  // the outcomes in the order of the groups.
  virtual std::vector<AddOutcome> add(std::span<const std::vector<NewInvoice>> groups) = 0;

  // Up to `limit` invoices with a sequence greater than `after`, in order of creation. Throws
  // common::Unavailable if one is in a currency that this program does not know.
  virtual std::vector<Invoice> list(std::int64_t after, std::size_t limit) = 0;

  // The same of invoices that `filter` selects, with their details. Reads on from `after` until the
  // limit is reached, so it takes time in proportion to the invoices that it passes: up to a third
  // of a second for a million. No process can commit to a file of SQLite meanwhile.
  virtual std::vector<InvoiceDetails> page(const InvoiceFilter& filter, std::int64_t after,
                                           std::size_t limit) = 0;

  // The invoice with this id. Throws common::Unavailable as list() does.
  virtual std::optional<InvoiceDetails> find(const std::string& id) = 0;

  // The invoices of these ids, in any order. Throws common::Unavailable as list() does.
  virtual std::vector<Invoice> find_all(std::span<const std::string> ids) = 0;

  // Counts and sums of all invoices, by currency (in order of the codes) and state. Has only pairs
  // that exist. Reads all invoices: about half a second for a million. Each of them counts once,
  // but changes that are made meanwhile may be counted or not.
  virtual std::vector<InvoiceTotal> totals() = 0;

  // Since when the oldest due invoice has been due; nullopt: none is due, or this is unknown
  // because programs that keep no times have created it and requested payment. Stores keep no time
  // of request for each invoice. So it is the later of two times: when the oldest due invoice was
  // created (if known), and when payment was requested while no invoice was due. If invoices are
  // always due, and an old one was requested just now, it is too early.
  virtual std::optional<common::WallTime> due_since() = 0;

  // Keeps the outcome of a completed audit for last_audit(), unless the kept one began later.
  virtual void record_audit(const AuditRecord& record) = 0;

  // nullopt if none was ever recorded.
  virtual std::optional<AuditRecord> last_audit() = 0;

  // The version of the stored content: differs after every change that a list can show, by any
  // process. Never waits, so it may be that of a change that is not committed yet and can still
  // fail. nullopt: unknown. Does not throw.
  virtual std::optional<std::uint64_t> version() = 0;

  // The same, of the committed content. May wait for a commit. What is read after this is of this
  // version if version() is still equal.
  virtual std::optional<std::uint64_t> committed_version() = 0;

  // Calls `work` in a transaction, and commits when it returns, so several changes share a commit.
  // If `work` throws, nothing is written. `what` names the transaction in tests of crashes.
  virtual void write(std::string_view what, const Work& work) = 0;

  // Takes time in proportion to the invoices that are not paid.
  virtual PayProgress progress(const PayRun& run) = 0;

  // True if any invoice of the run is neither paid nor refused. Stops at the first, so it is faster
  // than progress().
  virtual bool is_pending(const PayRun& run) = 0;

  // Which of these ids have an invoice that is neither paid nor refused.
  virtual std::vector<std::string> pending_of(std::span<const std::string> ids) = 0;

  // Whether a claim at this time would find an invoice. Needs no turn to write.
  virtual bool is_claimable(const Lease& lease) = 0;

  // Ends all leases of the owner, so that others can claim its invoices at once.
  virtual void release(const std::string& owner) = 0;

  // Throws unless the storage can be read and written now. For readiness.
  virtual void check() = 0;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_INVOICE_STORE_H_
