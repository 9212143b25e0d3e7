// The outcome of an audit, as the database keeps that of the last completed one. Plain values.

#ifndef INVOICE_APP_AUDIT_RECORD_H_
#define INVOICE_APP_AUDIT_RECORD_H_

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "common/base/clock.h"

namespace invoice_app {

enum class Difference {
  kPaidWithoutPayment,
  kPaymentWithoutInvoice,
  kPaymentOfUnpaidInvoice,  // accepted longer ago than AuditOptions::grace
  kDifferentAmount,
  kPaidTwice,  // two accepted payments of one invoice. Each payment but the first counts
};

// Their names in the report and in metrics, and their descriptions, in the order of the values.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kDifferences = {
    {{"PaidWithoutPayment", "paid, but the provider has no payment"},
     {"PaymentWithoutInvoice", "the provider has a payment, but there is no such invoice"},
     {"PaymentOfUnpaidInvoice", "the provider has a payment, but the invoice is not paid"},
     {"DifferentAmount", "the payment has a different amount"},
     {"PaidTwice", "the provider has two payments"}}};

using DifferenceCounts = std::array<std::int64_t, kDifferences.size()>;  // by kind

struct AuditRecord {
  common::WallTime started_at;
  common::WallTime finished_at;
  DifferenceCounts differences = {};

  // Whether this one takes the place of `other`: it began later. If the other one has finished in
  // the future, it was recorded before the clock was set back.
  bool replaces(const AuditRecord& other) const {
    return started_at > other.started_at || other.finished_at > finished_at;
  }

  friend bool operator==(const AuditRecord&, const AuditRecord&) = default;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_AUDIT_RECORD_H_
