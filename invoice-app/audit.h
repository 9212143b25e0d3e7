// The audit: compares the paid invoices with the provider's ledger, in both directions, while
// payments go on. It changes nothing.
//
// The order of the steps makes it exact. The ledger has a payment before its invoice is paid, and
// neither changes afterwards:
//   1. read the paid invoices
//   2. read the ledger, and look up the invoice of each payment. The ledger has the payments of all
//      invoices of step 1, so one without a payment is a difference
//   3. look again at invoices that were not paid in step 2, although their payment is old
// It reads in pages, and keeps three bits for each invoice.

#ifndef INVOICE_APP_AUDIT_H_
#define INVOICE_APP_AUDIT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/money/money.h"
#include "common/money/money_sum.h"
#include "invoice-app/audit_record.h"
#include "invoice-app/invoice_store.h"

namespace invoice_app {

// An accepted payment, as the provider lists it.
struct LedgerPayment {
  std::string invoice_id;
  common::Money amount;
  common::WallTime accepted_at;
};

struct LedgerPage {
  std::vector<LedgerPayment> payments;
  std::optional<std::string> next;  // the cursor of the next page; nullopt if there is none
};

// Reads the page at this cursor of the accepted payments, in the order of acceptance; nullopt is
// the first page. Throws common::Unavailable if the provider does not respond as it should.
using ReadLedgerPage = std::function<LedgerPage(const std::optional<std::string>& cursor)>;

// For all pages of the ledger, and for the invoices of its payments. A provider may be slow, or
// have pages without end.
inline constexpr std::chrono::milliseconds kLongestReading = std::chrono::hours(1);

struct AuditOptions {
  // invoice-app needs time to learn of a payment: until then its invoice is not paid. After this
  // time it counts as a difference. The clocks of the machines may differ by as much.
  std::chrono::milliseconds grace = std::chrono::minutes(15);
  // Called for the first kMaxNamed differences of each kind. `what` names the invoice.
  std::function<void(Difference kind, const std::string& what)> name = [](auto, const auto&) {};
};

// More differences of a kind are only counted.
inline constexpr std::int64_t kMaxNamed = 20;

struct AuditReport {
  struct Total {
    std::int64_t count = 0;
    common::MoneySum sum = {};
  };
  struct Totals {
    Total invoices;  // that are paid, at the latest when their payment was read
    Total payments;
  };
  std::map<std::string, Totals, std::less<>> by_currency;
  std::int64_t unsettled = 0;  // payments within the grace whose invoices are not paid yet
  DifferenceCounts differences = {};

  bool is_equal() const;
};

// Throws common::Unavailable if the store or the ledger can't be read, and if the ledger does not
// end: a cursor comes again, a page that is not the last one is empty, or the reading takes longer
// than kLongestReading.
AuditReport audit(InvoiceStore& store, const ReadLedgerPage& read_page, const common::Clock& clock,
                  const AuditOptions& options = {});

}  // namespace invoice_app

#endif  // INVOICE_APP_AUDIT_H_
