// The invoice and its life: unpaid -> sending -> paid or refused. Plain values.

#ifndef INVOICE_APP_INVOICE_H_
#define INVOICE_APP_INVOICE_H_

#include <cstdint>
#include <string>

#include "common/money/money.h"

namespace invoice_app {

enum class InvoiceState {
  kUnpaid = 0,
  kSending = 1,  // claimed by a worker at least once; the provider may or may not know of it
  kPaid = 2,     // final
  kRefused = 3,  // by the provider, for good under this generation's key; may be asked for again
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
};

// An invoice that a worker may send to the provider until its lease runs out.
struct Claim {
  std::int64_t sequence;
  std::string id;
  common::Money amount;
  std::int64_t generation;  // from 1; a new one when payment is asked for again after a refusal
  std::int64_t attempt;     // from 1, over all generations and workers

  // The same for every attempt at this payment, whoever makes it: "pay:<id>:<generation>".
  std::string idempotency_key() const { return "pay:" + id + ":" + std::to_string(generation); }
};

// What a worker found out about a claim.
struct Settlement {
  enum class Kind {
    kPaid,     // taken from anyone: the provider said so
    kRefused,  // taken only from the lease's holder
    kRetry,    // the outcome is unknown: free to be claimed again from `retry_at_ms`. Holder only.
  };
  Kind kind;
  std::int64_t sequence;
  std::int64_t attempt;          // the claim's: with the owner, proves that the lease is still held
  std::string refusal = {};      // kRefused: why
  std::int64_t retry_at_ms = 0;  // kRetry: Unix time
};

}  // namespace invoice_app

#endif  // INVOICE_APP_INVOICE_H_
