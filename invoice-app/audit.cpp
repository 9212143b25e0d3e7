#include "invoice-app/audit.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "common/base/unavailable.h"
#include "invoice-app/sequence_set.h"

namespace invoice_app {
namespace {

constexpr std::size_t kPageRows = 1'000;

std::string text(const common::Money& amount) {
  return common::to_decimal(amount) + ' ' + std::string(amount.currency.code());
}

// Finds a cursor that comes again, in constant memory (Brent's algorithm): it compares each one
// with an earlier one, and keeps a later one after 1, 2, 4, 8, ... cursors.
class RepeatedCursor {
 public:
  // May find it late: after up to three times as many cursors as there are different ones.
  bool is(const std::string& cursor) {
    if (cursor == kept_) return true;
    if (++compared_ == to_compare_) {
      kept_ = cursor;
      to_compare_ *= 2;
      compared_ = 0;
    }
    return false;
  }

 private:
  std::optional<std::string> kept_;
  std::int64_t compared_ = 0;
  std::int64_t to_compare_ = 1;
};

class Audit {
 public:
  Audit(InvoiceStore& store, const common::Clock& clock, const AuditOptions& options)
      : store_(store), clock_(clock), options_(options) {}

  void read_paid_invoices() {
    std::int64_t after = 0;
    while (true) {
      const auto invoices = store_.list(after, kPageRows);
      if (invoices.empty()) return;
      for (const Invoice& invoice : invoices) {
        if (!invoice.is_paid()) continue;
        without_payment_.insert(invoice.sequence);
        add_paid(invoice);
      }
      after = invoices.back().sequence;
    }
  }

  void read_ledger(const ReadLedgerPage& read_page) {
    const common::WallTime deadline = clock_.now() + kLongestReading;
    RepeatedCursor repeated;
    std::optional<std::string> cursor;
    while (true) {
      const LedgerPage page = read_page(cursor);
      compare(page.payments);
      if (!page.next) return;
      if (page.payments.empty() || repeated.is(*page.next)) {
        throw common::Unavailable("the provider's list of payments does not end");
      }
      if (clock_.now() >= deadline) {
        throw common::Unavailable("the provider's list of payments takes more than an hour");
      }
      cursor = page.next;
    }
  }

  void check_rest() {
    std::int64_t after = 0;
    while (const auto next = next_to_check(after)) {
      const auto invoices = store_.list(*next - 1, kPageRows);
      if (invoices.empty()) return;
      for (const Invoice& invoice : invoices) check(invoice);
      after = invoices.back().sequence;
    }
  }

  AuditReport report() && { return std::move(report_); }

 private:
  void compare(const std::vector<LedgerPayment>& payments) {
    std::vector<std::string> ids;
    ids.reserve(payments.size());
    for (const LedgerPayment& payment : payments) ids.push_back(payment.invoice_id);
    std::unordered_map<std::string, Invoice> invoices;
    for (Invoice& invoice : store_.find_all(ids)) {
      std::string id = invoice.id;
      invoices.emplace(std::move(id), std::move(invoice));
    }
    for (const LedgerPayment& payment : payments) {
      AuditReport::Total& total = totals(payment.amount).payments;
      ++total.count;
      total.sum.add(payment.amount.minor_units);
      const auto found = invoices.find(payment.invoice_id);
      if (found == invoices.end()) {
        count(Difference::kPaymentWithoutInvoice, payment.invoice_id, text(payment.amount));
      } else {
        compare(payment, found->second);
      }
    }
  }

  void compare(const LedgerPayment& payment, const Invoice& invoice) {
    if (!with_payment_.insert(invoice.sequence)) {
      count(Difference::kPaidTwice, invoice.id, text(payment.amount));
      return;
    }
    const bool is_added = without_payment_.erase(invoice.sequence);
    if (invoice.is_paid() && !is_added) add_paid(invoice);
    if (invoice.amount != payment.amount) {
      count(Difference::kDifferentAmount, invoice.id,
            text(invoice.amount) + ", payment of " + text(payment.amount));
    } else if (!invoice.is_paid() && is_old(payment)) {
      unpaid_.insert(invoice.sequence);
    } else if (!invoice.is_paid()) {
      ++report_.unsettled;
    }
  }

  // Also if it seems to be of the future: then a clock is wrong.
  bool is_old(const LedgerPayment& payment) const {
    const auto age = clock_.now() - payment.accepted_at;
    return age >= options_.grace || age <= -options_.grace;
  }

  std::optional<std::int64_t> next_to_check(std::int64_t after) const {
    constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();
    const std::int64_t next =
        std::min(without_payment_.next(after).value_or(kNone), unpaid_.next(after).value_or(kNone));
    return next == kNone ? std::nullopt : std::optional(next);
  }

  void check(const Invoice& invoice) {
    if (without_payment_.contains(invoice.sequence)) {
      count(Difference::kPaidWithoutPayment, invoice.id, text(invoice.amount));
    } else if (unpaid_.contains(invoice.sequence)) {
      if (invoice.is_paid()) {
        add_paid(invoice);
      } else {
        count(Difference::kPaymentOfUnpaidInvoice, invoice.id, text(invoice.amount));
      }
    }
  }

  void add_paid(const Invoice& invoice) {
    AuditReport::Total& total = totals(invoice.amount).invoices;
    ++total.count;
    total.sum.add(invoice.amount.minor_units);
  }

  AuditReport::Totals& totals(const common::Money& amount) {
    const auto found = report_.by_currency.find(amount.currency.code());
    if (found != report_.by_currency.end()) return found->second;
    return report_.by_currency[std::string(amount.currency.code())];
  }

  void count(Difference kind, const std::string& id, const std::string& amount) {
    if (++report_.differences.at(static_cast<std::size_t>(kind)) > kMaxNamed) return;
    options_.name(kind, "invoice " + id + ", " + amount);
  }

  InvoiceStore& store_;
  const common::Clock& clock_;
  const AuditOptions& options_;
  SequenceSet without_payment_;  // paid invoices whose payment was not read yet
  SequenceSet with_payment_;
  SequenceSet unpaid_;  // whose payment is old
  AuditReport report_;
};

}  // namespace

bool AuditReport::is_equal() const {
  return std::all_of(differences.begin(), differences.end(), [](auto count) { return count == 0; });
}

AuditReport audit(InvoiceStore& store, const ReadLedgerPage& read_page, const common::Clock& clock,
                  const AuditOptions& options) {
  Audit audit(store, clock, options);
  audit.read_paid_invoices();
  audit.read_ledger(read_page);
  audit.check_rest();
  return std::move(audit).report();
}

}  // namespace invoice_app
