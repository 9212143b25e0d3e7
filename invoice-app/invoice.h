// The invoice and its states: unpaid -> sending -> paid or refused. Plain values.

#ifndef INVOICE_APP_INVOICE_H_
#define INVOICE_APP_INVOICE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/money/money.h"
#include "common/money/money_sum.h"

namespace invoice_app {

enum class InvoiceState {
  kUnpaid = 0,
  kSending = 1,  // claimed at least once; the provider may or may not know the payment
  kPaid = 2,     // final
  kRefused = 3,  // final for this generation; a request to pay starts the next one
};

struct NewInvoice {
  std::string id;
  common::Money amount;
};

struct Invoice {
  std::int64_t sequence;  // order of creation, from 1; gaps are possible
  std::string id;
  common::Money amount;
  InvoiceState state;

  bool is_paid() const { return state == InvoiceState::kPaid; }

  friend bool operator==(const Invoice&, const Invoice&) = default;
};

// All that is known of an invoice. A time is nullopt also if a program of the release before, which
// stored no times, made the change. If the clock was set back, paid_at and refused_at are not
// before created_at.
struct InvoiceDetails : Invoice {
  std::int64_t attempts = 0;  // to pay it, over all generations
  std::string refusal = {};   // kRefused: the reason
  std::optional<common::WallTime> created_at = {};
  std::optional<common::WallTime> paid_at = {};     // kPaid
  std::optional<common::WallTime> refused_at = {};  // kRefused

  friend bool operator==(const InvoiceDetails&, const InvoiceDetails&) = default;
};

// Which invoices to show: those that fulfil all conditions.
struct InvoiceFilter {
  std::optional<InvoiceState> state = {};
  std::optional<common::Currency> currency = {};
  std::string id_prefix = {};  // the id begins with it
};

// The invoices of one currency in one state.
struct InvoiceTotal {
  std::string currency;  // a code; may be one that this program does not know
  InvoiceState state;
  std::int64_t count;
  common::MoneySum sum;

  friend bool operator==(const InvoiceTotal&, const InvoiceTotal&) = default;
};

// An invoice that a worker may send to the provider until its lease expires.
struct Claim {
  std::int64_t sequence;
  std::string id;
  common::Money amount;
  std::int64_t generation;  // from 1; grows when payment is requested again after a refusal
  std::int64_t attempt;     // from 1, over all generations and workers

  // The same for all attempts of all workers in one generation: "pay:<id>:<generation>".
  std::string idempotency_key() const { return "pay:" + id + ":" + std::to_string(generation); }
};

// The result of a claim, as a worker reports it to the store.
struct Settlement {
  enum class Kind {
    kPaid,     // stored from any worker, because the provider has confirmed it
    kRefused,  // stored only from the holder of the lease
    kRetry,    // not sent, or the outcome is unknown. Stored only from the holder of the lease.
  };
  Kind kind;
  std::int64_t sequence;
  std::int64_t attempt;      // of the claim. With the owner, it proves that the lease is still held
  std::string refusal = {};  // kRefused: the reason
  common::WallTime retry_at = {};  // kRetry: earliest time of the next claim
};

}  // namespace invoice_app

#endif  // INVOICE_APP_INVOICE_H_
