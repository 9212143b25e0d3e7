// The ledger: keeps every decision about a payment, and accepts at most one payment for an invoice.
// A decision is durable before it is returned.
//
// Thread-safe. Several processes may use the same storage. Every call may throw
// common::Unavailable if the storage fails.

#ifndef PAYMENT_PROVIDER_LEDGER_H_
#define PAYMENT_PROVIDER_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "payment-provider/payment.h"

namespace payment_provider {

class Ledger {
 public:
  virtual ~Ledger() = default;

  // Decides the orders in order, in one transaction. Returns the outcomes in the same order, after
  // the commit. If it throws, it is unknown whether any of them is recorded.
  //
  // - known key, same invoice and amount: the recorded outcome, replayed
  // - known key, different invoice or amount: kKeyReused
  // - new key, invoice already paid: replayed kAccepted if the amount is the same, else
  //   kAmountMismatch
  // - new key, order has a refusal: recorded as kRefused
  // - else: recorded as kAccepted
  virtual std::vector<PaymentOutcome> record(std::span<const PaymentOrder> orders) = 0;

  // The following three read entries. They throw common::Unavailable if one of them is in a
  // currency that this program does not know.

  // Up to `limit` accepted payments with a sequence greater than `after`, oldest first.
  std::vector<LedgerEntry> list(std::int64_t after, std::size_t limit) {
    return page({}, after, limit);
  }

  // The same for the entries that fulfil the filter. Entries with a rare currency or status are
  // found by a scan: some 0.2 s for a million entries.
  virtual std::vector<LedgerEntry> page(const LedgerFilter& filter, std::int64_t after,
                                        std::size_t limit) = 0;

  // The accepted payment of an invoice, else its latest refusal, else nullopt.
  virtual std::optional<LedgerEntry> find(const std::string& invoice_id) = 0;

  // The totals of all entries, in the order of currency and status. Reads the whole ledger.
  virtual std::vector<LedgerTotal> totals() = 0;

  // The version of the stored content: differs after every change that a list can show, by any
  // process. Never waits, so it may be that of a change that is not committed yet and can still
  // fail. nullopt: unknown. Does not throw.
  virtual std::optional<std::uint64_t> version() = 0;

  // The same, of the committed content. May wait for a commit. What is read after this is of this
  // version if version() is still equal.
  virtual std::optional<std::uint64_t> committed_version() = 0;

  // Throws unless the storage can be read and written now. For readiness.
  virtual void check() = 0;
};

}  // namespace payment_provider

#endif  // PAYMENT_PROVIDER_LEDGER_H_
