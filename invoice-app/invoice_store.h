// Where invoices live, with the state of their payment. All truth about an invoice is here; nothing
// is cached by those who use it, so every replica tells the same.
//
// A lease says which worker sends an invoice. It saves work, no more: that nothing is paid twice
// rests on the provider's idempotency key.
//
// Thread-safe, and safe to use from several processes on the same storage. Every call may throw
// common::Unavailable when the storage can't be used; then nothing is known to have been written.
// Times are Unix time in milliseconds, given by the caller.

#ifndef INVOICE_APP_INVOICE_STORE_H_
#define INVOICE_APP_INVOICE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "invoice-app/invoice.h"

namespace invoice_app {

struct AddOutcome {
  // The invoices as they are now, in the order given; empty when there is a conflict.
  std::vector<Invoice> invoices;
  std::size_t added = 0;  // how many of them are new
  // Index of the first invoice whose id exists with other money; then nothing was added.
  std::optional<std::size_t> conflict;
};

// What one request to pay covers.
struct PayRun {
  std::int64_t through;  // every invoice up to this sequence
  std::int64_t due;      // how many of those were neither paid nor refused for good at the start
};

struct PayProgress {
  std::int64_t pending;  // of the run's invoices, those not yet ended
  std::int64_t refused;  // of the run's invoices, those that are refused
};

struct Lease {
  std::string owner;  // unique to a process
  std::int64_t now_ms;
  std::int64_t until_ms;
};

class InvoiceStore {
 public:
  virtual ~InvoiceStore() = default;

  // Adds each group all or nothing, the groups one after the other, in one transaction. An invoice
  // that exists with the same money, or stands twice in a group, counts as added once. The outcomes
  // are in the order of the groups.
  virtual std::vector<AddOutcome> add(std::span<const std::vector<NewInvoice>> groups) = 0;

  // Invoices with a sequence over `after`, in order of creation, at most `limit`.
  virtual std::vector<Invoice> list(std::int64_t after, std::size_t limit) = 0;

  // Makes everything that is there and not paid due for payment, durably: workers of any process
  // may claim it from now on. What was refused starts a new generation, due at once, and a retry
  // that was put off is due at once too.
  virtual PayRun request_payment() = 0;

  // How a run stands. Takes time in proportion to what is pending and refused.
  virtual PayProgress progress(const PayRun& run) = 0;

  // Whether any invoice of the run has not ended yet. Takes time in proportion to what is claimed
  // or put off, at most.
  virtual bool is_pending(const PayRun& run) = 0;

  // Claims up to `limit` invoices that are due and under nobody's valid lease: kSending, under this
  // lease, attempt + 1. First those that wait for nothing, oldest first; then those whose lease has
  // run out or whose retry has come. A lease or a retry that ends more than this lease's length
  // after it was written before the clock was set back, and counts as over.
  virtual std::vector<Claim> claim(const Lease& lease, std::size_t limit) = 0;

  // Writes what the workers of `owner` found out, in one transaction. A settlement that may no
  // longer be made (see Settlement::Kind) is dropped; kPaid is never undone.
  virtual void settle(const std::string& owner, std::span<const Settlement> settlements) = 0;

  // Gives back all that the owner holds, so that others need not wait for its leases to run out.
  virtual void release(const std::string& owner) = 0;

  // Returns when the storage can be read and written now, else throws. For readiness.
  virtual void check() = 0;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_INVOICE_STORE_H_
