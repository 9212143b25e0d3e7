// The provider's domain: orders to pay, and their outcomes. Plain values.

#ifndef PAYMENT_PROVIDER_PAYMENT_H_
#define PAYMENT_PROVIDER_PAYMENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/money/money.h"
#include "common/money/money_sum.h"

namespace payment_provider {

struct PaymentOrder {
  // The same for an order and all of its retries, which are one payment.
  std::string idempotency_key;
  std::string invoice_id;
  common::Money amount;
  // The reason if the provider's rules refuse the payment, else empty. The ledger records it, so
  // that the same key gets the same response after the rules have changed.
  std::string refusal;
};

struct PaymentOutcome {
  enum class Kind {
    kAccepted,        // the payment is in the ledger
    kRefused,         // recorded as refused, for the reason in `refusal`
    kKeyReused,       // the key belongs to another payment (id, value or currency); nothing written
    kAmountMismatch,  // another key has paid the invoice with a different amount; nothing written
  };
  Kind kind;
  bool replayed = false;  // kAccepted, kRefused: decided by an earlier order
  std::string refusal = {};

  friend bool operator==(const PaymentOutcome&, const PaymentOutcome&) = default;
};

// Which payments the provider accepts.
struct PaymentRules {
  std::vector<common::Currency> accepted_currencies;  // active ones; empty: all of them
};

// The reason if the rules refuse the payment, else empty. For people.
std::string find_refusal(const PaymentRules& rules, const common::Money& amount);

enum class PaymentStatus { kAccepted, kRefused };

// A decision as the ledger keeps it.
struct LedgerEntry {
  std::int64_t sequence;  // in order of decision, from 1; gaps are possible
  std::string idempotency_key;
  std::string invoice_id;
  common::Money amount;
  common::WallTime decided_at;
  std::string refusal = {};  // the reason; empty if the payment was accepted

  PaymentStatus status() const {
    return refusal.empty() ? PaymentStatus::kAccepted : PaymentStatus::kRefused;
  }
};

// Which entries to show: those that fulfil both conditions.
struct LedgerFilter {
  PaymentStatus status = PaymentStatus::kAccepted;
  std::optional<common::Currency> currency = {};
};

// The entries of one currency with one status.
struct LedgerTotal {
  std::string currency;  // a code; may be one that this program does not know
  PaymentStatus status;
  std::int64_t count;
  common::MoneySum sum;
};

}  // namespace payment_provider

#endif  // PAYMENT_PROVIDER_PAYMENT_H_
