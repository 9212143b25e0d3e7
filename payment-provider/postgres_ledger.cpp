#include "payment-provider/postgres_ledger.h"

#include <array>
#include <map>
#include <utility>

#include "common/base/unavailable.h"
#include "common/storage/unix_time.h"

namespace payment_provider {
namespace {

using common::PostgresConnection;
using common::PostgresRows;

// Sequences come from payment_counter: its row stays locked until the commit, so the order of
// sequences is the order of commits.
constexpr std::array kVersion1 = {
    R"sql(CREATE TABLE IF NOT EXISTS payments (
        sequence        BIGINT PRIMARY KEY,
        idempotency_key TEXT   NOT NULL UNIQUE,
        invoice_id      TEXT   NOT NULL,
        amount_minor    BIGINT NOT NULL CHECK (amount_minor > 0),
        currency        TEXT   NOT NULL,
        refusal         TEXT,
        decided_at_ms   BIGINT NOT NULL))sql",
    "CREATE UNIQUE INDEX IF NOT EXISTS one_accepted_payment_per_invoice ON payments (invoice_id) "
    "WHERE refusal IS NULL",
    "CREATE UNIQUE INDEX IF NOT EXISTS accepted_payments_in_order ON payments (sequence ASC) "
    "WHERE refusal IS NULL",
    "CREATE TABLE IF NOT EXISTS payment_counter "
    "(only_row BIGINT PRIMARY KEY CHECK (only_row = 1), last BIGINT NOT NULL)",
    "INSERT INTO payment_counter (only_row, last) VALUES (1, 0) ON CONFLICT DO NOTHING"};

constexpr std::array kVersion2 = {
    "CREATE INDEX IF NOT EXISTS refusals_by_invoice ON payments (invoice_id ASC, sequence ASC) "
    "WHERE refusal IS NOT NULL"};

constexpr std::array kMigrations = {common::PostgresMigration{kVersion1},
                                    common::PostgresMigration{kVersion2}};

constexpr std::array kChecks = {
    "INSERT INTO payments (sequence, idempotency_key, invoice_id, amount_minor, currency, refusal, "
    "decided_at_ms) SELECT sequence, idempotency_key, invoice_id, amount_minor, currency, refusal, "
    "decided_at_ms FROM payments WHERE FALSE",
    "UPDATE payment_counter SET last = last WHERE FALSE"};

// The statement whose rows read_entry() reads.
std::string select_entries(const std::string& condition) {
  return "SELECT sequence, idempotency_key, invoice_id, amount_minor, currency, decided_at_ms, "
         "coalesce(refusal, '') FROM payments WHERE " +
         condition;
}

LedgerEntry read_entry(const PostgresRows& rows, int row) {
  const auto amount = common::stored_money(rows.number(row, 3), rows.text(row, 4));
  if (!amount) {
    throw common::Unavailable("the payment of invoice " + rows.text(row, 2) +
                              " is in the currency " + rows.text(row, 4) +
                              ", which this program does not know");
  }
  return {.sequence = rows.number(row, 0),
          .idempotency_key = rows.text(row, 1),
          .invoice_id = rows.text(row, 2),
          .amount = *amount,
          .decided_at = common::from_unix_ms(rows.number(row, 5)),
          .refusal = rows.text(row, 6)};
}

std::vector<LedgerEntry> read_entries(const PostgresRows& rows) {
  std::vector<LedgerEntry> entries;
  entries.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) entries.push_back(read_entry(rows, row));
  return entries;
}

struct Decision {
  std::string invoice_id;
  std::optional<common::Money> amount;  // nullopt: in a currency that this program does not know
  std::optional<std::string> refusal;

  PaymentOutcome replayed() const {
    using Kind = PaymentOutcome::Kind;
    return {refusal ? Kind::kRefused : Kind::kAccepted, true, refusal.value_or("")};
  }
};

// Decides orders in one transaction. The lock of the counter keeps other decisions out, so what
// this has read stays true. It also is a change, so the commit of a mere replay waits for the
// standbys too.
class Deciding {
 public:
  Deciding(PostgresConnection& connection, const common::Clock& clock)
      : connection_(connection),
        last_(connection.run("SELECT last FROM payment_counter FOR UPDATE").number(0, 0)),
        now_ms_(common::to_unix_ms(clock.now())) {}

  std::vector<PaymentOutcome> decide(std::span<const PaymentOrder> orders) {
    read_recorded(orders);
    std::vector<PaymentOutcome> outcomes;
    outcomes.reserve(orders.size());
    for (const PaymentOrder& order : orders) outcomes.push_back(decide_one(order));
    insert_decisions();
    return outcomes;
  }

 private:
  void read_recorded(std::span<const PaymentOrder> orders) {
    std::vector<std::string> keys;
    std::vector<std::string> invoices;
    for (const PaymentOrder& order : orders) {
      keys.push_back(order.idempotency_key);
      invoices.push_back(order.invoice_id);
    }
    constexpr const char* kSelect =
        "SELECT idempotency_key, invoice_id, amount_minor, currency, refusal FROM payments";
    remember(connection_.find_each(kSelect, "idempotency_key = wanted", keys));
    remember(connection_.find_each(kSelect, "refusal IS NULL AND invoice_id = wanted", invoices));
  }

  void remember(const PostgresRows& rows) {
    for (int row = 0; row < rows.size(); ++row) {
      Decision decision{.invoice_id = rows.text(row, 1),
                        .amount = common::stored_money(rows.number(row, 2), rows.text(row, 3)),
                        .refusal = std::nullopt};
      if (!rows.is_null(row, 4)) decision.refusal = rows.text(row, 4);
      remember(rows.text(row, 0), std::move(decision));
    }
  }

  void remember(const std::string& key, Decision decision) {
    if (!decision.refusal) accepted_.emplace(decision.invoice_id, decision);
    by_key_.emplace(key, std::move(decision));
  }

  PaymentOutcome decide_one(const PaymentOrder& order) {
    using Kind = PaymentOutcome::Kind;
    if (const auto known = by_key_.find(order.idempotency_key); known != by_key_.end()) {
      const bool same =
          known->second.invoice_id == order.invoice_id && known->second.amount == order.amount;
      return same ? known->second.replayed() : PaymentOutcome{Kind::kKeyReused};
    }
    if (const auto paid = accepted_.find(order.invoice_id); paid != accepted_.end()) {
      return paid->second.amount == order.amount ? paid->second.replayed()
                                                 : PaymentOutcome{Kind::kAmountMismatch};
    }
    Decision decision{.invoice_id = order.invoice_id, .amount = order.amount, .refusal = {}};
    if (!order.refusal.empty()) decision.refusal = order.refusal;
    remember(order.idempotency_key, std::move(decision));
    decided_.push_back(&order);
    return {order.refusal.empty() ? Kind::kAccepted : Kind::kRefused, false, order.refusal};
  }

  void insert_decisions() {
    if (decided_.empty()) return;
    std::vector<std::int64_t> sequences;
    std::vector<std::string> keys;
    std::vector<std::string> invoices;
    std::vector<std::int64_t> amounts;
    std::vector<std::string> currencies;
    std::vector<std::string> refusals;
    for (const PaymentOrder* order : decided_) {
      sequences.push_back(++last_);
      keys.push_back(order->idempotency_key);
      invoices.push_back(order->invoice_id);
      amounts.push_back(order->amount.minor_units);
      currencies.emplace_back(order->amount.currency.code());
      refusals.push_back(order->refusal);
    }
    // "" is NULL. With array_nulls = off, NULL in an array would be a text.
    connection_.run(
        "INSERT INTO payments (sequence, idempotency_key, invoice_id, amount_minor, currency, "
        "refusal, decided_at_ms) "
        "SELECT unnest($1::BIGINT[]), unnest($2::TEXT[]), unnest($3::TEXT[]), "
        "unnest($4::BIGINT[]), unnest($5::TEXT[]), NULLIF(unnest($6::TEXT[]), ''), $7::BIGINT",
        sequences, keys, invoices, amounts, currencies, refusals, now_ms_);
    connection_.run("UPDATE payment_counter SET last = $1", last_);
  }

  PostgresConnection& connection_;
  std::int64_t last_;
  const std::int64_t now_ms_;  // with the lock, so that it is not earlier than that of the last one
  std::map<std::string, Decision> by_key_;
  std::map<std::string, Decision> accepted_;  // by invoice
  std::vector<const PaymentOrder*> decided_;
};

}  // namespace

constinit const common::PostgresSchema PostgresLedger::kSchema = {
    .application = "payment-provider", .migrations = kMigrations, .checks = kChecks};

PostgresLedger::PostgresLedger(const std::string& url, const common::Clock* clock)
    : database_(url, kSchema), clock_(clock == nullptr ? database_.clock() : *clock) {}

std::vector<PaymentOutcome> PostgresLedger::record(std::span<const PaymentOrder> orders) {
  return database_.write("record", [&](PostgresConnection& connection) {
    return Deciding(connection, clock_).decide(orders);
  });
}

std::vector<LedgerEntry> PostgresLedger::page(const LedgerFilter& filter, std::int64_t after,
                                              std::size_t limit) {
  std::string condition = "sequence > $1 AND refusal IS ";
  condition += filter.status == PaymentStatus::kAccepted ? "NULL" : "NOT NULL";
  if (filter.currency) {
    condition.append(" AND currency = '").append(filter.currency->code()).append("'");
  }
  return database_.read([&](PostgresConnection& connection) {
    return read_entries(connection.run(select_entries(condition + " ORDER BY sequence LIMIT $2"),
                                       after, static_cast<std::int64_t>(limit)));
  });
}

std::optional<LedgerEntry> PostgresLedger::find(const std::string& invoice_id) {
  // Each has an index of its own.
  const std::array conditions = {
      "invoice_id = $1 AND refusal IS NULL",
      "invoice_id = $1 AND refusal IS NOT NULL ORDER BY sequence DESC LIMIT 1"};
  return database_.read([&](PostgresConnection& connection) -> std::optional<LedgerEntry> {
    for (const char* condition : conditions) {
      const PostgresRows rows = connection.run(select_entries(condition), invoice_id);
      if (rows.size() > 0) return read_entry(rows, 0);
    }
    return std::nullopt;
  });
}

std::vector<LedgerTotal> PostgresLedger::totals() {
  constexpr std::int64_t kPart = 1'000'000;  // a sum may exceed 64 bits
  const PostgresRows rows = database_.read([&](PostgresConnection& connection) {
    return connection.run(
        "SELECT currency, refusal IS NULL, count(*), sum(amount_minor / $1::BIGINT), "
        "sum(amount_minor % $1::BIGINT) FROM payments GROUP BY 1, 2 "
        "ORDER BY currency COLLATE \"C\", 2 DESC",
        kPart);
  });
  std::vector<LedgerTotal> totals;
  for (int row = 0; row < rows.size(); ++row) {
    LedgerTotal& total = totals.emplace_back();
    total.currency = rows.text(row, 0);
    total.status = rows.text(row, 1) == "t" ? PaymentStatus::kAccepted : PaymentStatus::kRefused;
    total.count = rows.number(row, 2);
    total.sum.add(rows.number(row, 3), kPart);
    total.sum.add(rows.number(row, 4));
  }
  return totals;
}

}  // namespace payment_provider
