#include "payment-provider/sqlite_ledger.h"

#include <array>
#include <optional>
#include <utility>

#include "common/base/unavailable.h"
#include "common/storage/unix_time.h"

namespace payment_provider {
namespace {

using common::SqliteConnection;

constexpr std::array kMigrations = {common::SqliteMigration{
    R"sql(
      CREATE TABLE payments (
        sequence        INTEGER PRIMARY KEY,
        idempotency_key TEXT    NOT NULL UNIQUE,
        invoice_id      TEXT    NOT NULL,
        amount_minor    INTEGER NOT NULL CHECK (amount_minor > 0),
        currency        TEXT    NOT NULL,
        refusal         TEXT,              -- NULL: accepted
        decided_at_ms   INTEGER NOT NULL   -- Unix time
      ) STRICT;
      CREATE UNIQUE INDEX one_accepted_payment_per_invoice ON payments (invoice_id)
        WHERE refusal IS NULL;
    )sql"}};

struct Decision {
  std::string invoice_id;
  std::optional<common::Money> amount;  // nullopt: in a currency that this program does not know
  std::optional<std::string> refusal;

  PaymentOutcome replayed() const {
    using Kind = PaymentOutcome::Kind;
    return {refusal ? Kind::kRefused : Kind::kAccepted, true, refusal.value_or("")};
  }
};

std::optional<Decision> read_decision(SQLite::Statement& query) {
  if (!query.executeStep()) return std::nullopt;
  Decision decision{
      .invoice_id = query.getColumn(0).getString(),
      .amount = common::stored_money(query.getColumn(1).getInt64(), query.getColumn(2).getString()),
      .refusal = std::nullopt};
  if (!query.getColumn(3).isNull()) decision.refusal = query.getColumn(3).getString();
  return decision;
}

LedgerEntry read_entry(SQLite::Statement& row) {
  std::string invoice_id = row.getColumn(2).getString();
  const std::string currency = row.getColumn(4).getString();
  const auto amount = common::stored_money(row.getColumn(3).getInt64(), currency);
  if (!amount) {
    throw common::Unavailable("the payment of invoice " + invoice_id + " is in the currency " +
                              currency + ", which this program does not know");
  }
  return {.sequence = row.getColumn(0).getInt64(),
          .idempotency_key = row.getColumn(1).getString(),
          .invoice_id = std::move(invoice_id),
          .amount = *amount,
          .accepted_at = common::from_unix_ms(row.getColumn(5).getInt64())};
}

std::optional<Decision> find_by_key(SqliteConnection& connection, const std::string& key) {
  return read_decision(
      connection.query("SELECT invoice_id, amount_minor, currency, refusal FROM payments "
                       "WHERE idempotency_key = ?1",
                       key));
}

std::optional<Decision> find_accepted(SqliteConnection& connection, const std::string& invoice) {
  return read_decision(
      connection.query("SELECT invoice_id, amount_minor, currency, refusal FROM payments "
                       "WHERE invoice_id = ?1 AND refusal IS NULL",
                       invoice));
}

// Returns true if it recorded the order. Otherwise its key or its invoice already has a decision.
bool insert(SqliteConnection& connection, const PaymentOrder& order, std::int64_t now_ms) {
  SQLite::Statement& insertion = connection.query(
      "INSERT INTO payments "
      "(idempotency_key, invoice_id, amount_minor, currency, decided_at_ms, refusal) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
      order.idempotency_key, order.invoice_id, order.amount.minor_units,
      std::string(order.amount.currency.code()), now_ms);
  constexpr int kRefusal = 6;
  if (order.refusal.empty()) {
    insertion.bind(kRefusal);  // NULL
  } else {
    insertion.bind(kRefusal, order.refusal);
  }
  return insertion.exec() == 1;
}

PaymentOutcome decide(SqliteConnection& connection, const PaymentOrder& order,
                      std::int64_t now_ms) {
  using Kind = PaymentOutcome::Kind;
  // The unique index does not stop the refusal of an invoice that is paid.
  const bool may_insert =
      order.refusal.empty() || !find_accepted(connection, order.invoice_id).has_value();
  if (may_insert && insert(connection, order, now_ms)) {
    return {order.refusal.empty() ? Kind::kAccepted : Kind::kRefused, false, order.refusal};
  }
  if (const auto known = find_by_key(connection, order.idempotency_key)) {
    const bool same = known->invoice_id == order.invoice_id && known->amount == order.amount;
    return same ? known->replayed() : PaymentOutcome{Kind::kKeyReused};
  }
  const auto paid = find_accepted(connection, order.invoice_id);
  return paid.value().amount == order.amount ? paid->replayed()
                                             : PaymentOutcome{Kind::kAmountMismatch};
}

}  // namespace

constinit const common::SqliteSchema SqliteLedger::kSchema = {
    .application_id = 0x70617973,  // "pays"
    .migrations = kMigrations};

SqliteLedger::SqliteLedger(const std::string& path, const common::Clock& clock)
    : clock_(clock), database_(path, kSchema) {}

std::vector<PaymentOutcome> SqliteLedger::record(std::span<const PaymentOrder> orders) {
  return database_.write("record", [&](SqliteConnection& connection) {
    const std::int64_t now_ms = common::to_unix_ms(clock_.now());
    std::vector<PaymentOutcome> outcomes;
    outcomes.reserve(orders.size());
    for (const PaymentOrder& order : orders) {
      outcomes.push_back(decide(connection, order, now_ms));
    }
    return outcomes;
  });
}

std::vector<LedgerEntry> SqliteLedger::list(std::int64_t after, std::size_t limit) {
  return database_.read([&](SqliteConnection& connection) {
    SQLite::Statement& query = connection.query(
        "SELECT sequence, idempotency_key, invoice_id, amount_minor, currency, decided_at_ms "
        "FROM payments WHERE sequence > ?1 AND refusal IS NULL ORDER BY sequence LIMIT ?2",
        after, static_cast<std::int64_t>(limit));
    std::vector<LedgerEntry> entries;
    while (query.executeStep()) entries.push_back(read_entry(query));
    return entries;
  });
}

}  // namespace payment_provider
