#include "payment-provider/sqlite_ledger.h"

#include <array>
#include <map>
#include <optional>
#include <utility>

#include "common/base/unavailable.h"
#include "common/storage/unix_time.h"

namespace payment_provider {
namespace {

using common::SqliteConnection;

constexpr std::array kMigrations = {
    common::SqliteMigration{R"sql(
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
    )sql"},
    common::SqliteMigration{
        "CREATE INDEX refusals_by_invoice ON payments (invoice_id) WHERE refusal IS NOT NULL"}};

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
          .decided_at = common::from_unix_ms(row.getColumn(5).getInt64()),
          .refusal = row.getColumn(6).getString()};
}

// The statement whose rows read_entry() reads.
std::string select_entries(const std::string& condition) {
  return "SELECT sequence, idempotency_key, invoice_id, amount_minor, currency, decided_at_ms, "
         "refusal FROM payments WHERE " +
         condition;
}

std::vector<LedgerEntry> read_entries(SQLite::Statement& rows) {
  std::vector<LedgerEntry> entries;
  while (rows.executeStep()) entries.push_back(read_entry(rows));
  return entries;
}

using Totals = std::map<std::pair<std::string, PaymentStatus>, LedgerTotal>;

// Adds up to `limit` entries with a sequence greater than `after`. Returns the last sequence;
// nullopt if there are no more entries.
std::optional<std::int64_t> add_page(Totals& totals, SqliteConnection& connection,
                                     std::int64_t after, std::int64_t limit) {
  SQLite::Statement& rows = connection.query(
      "SELECT sequence, currency, refusal IS NULL, amount_minor FROM payments "
      "WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
      after, limit);
  std::int64_t count = 0;
  for (; rows.executeStep(); ++count) {
    after = rows.getColumn(0).getInt64();
    const std::string currency = rows.getColumn(1).getString();
    const auto status =
        rows.getColumn(2).getInt() == 1 ? PaymentStatus::kAccepted : PaymentStatus::kRefused;
    LedgerTotal& total = totals[{currency, status}];
    total.currency = currency;
    total.status = status;
    ++total.count;
    total.sum.add(rows.getColumn(3).getInt64());
  }
  return count == limit ? std::optional(after) : std::nullopt;
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

std::vector<LedgerEntry> SqliteLedger::page(const LedgerFilter& filter, std::int64_t after,
                                            std::size_t limit) {
  const auto with_status = [](const std::string& condition) {
    return select_entries("sequence > ?1 AND " + condition +
                          " AND (?2 = '' OR currency = ?2) ORDER BY sequence LIMIT ?3");
  };
  static const std::string accepted = with_status("refusal IS NULL");
  static const std::string refused = with_status("refusal IS NOT NULL");
  const std::string& sql = filter.status == PaymentStatus::kAccepted ? accepted : refused;
  const std::string currency(filter.currency ? filter.currency->code() : "");
  return database_.read([&](SqliteConnection& connection) {
    return read_entries(
        connection.query(sql.c_str(), after, currency, static_cast<std::int64_t>(limit)));
  });
}

std::optional<LedgerEntry> SqliteLedger::find(const std::string& invoice_id) {
  static const std::string accepted = select_entries("invoice_id = ?1 AND refusal IS NULL");
  static const std::string refused =
      select_entries("invoice_id = ?1 AND refusal IS NOT NULL ORDER BY sequence DESC LIMIT 1");
  return database_.read([&](SqliteConnection& connection) -> std::optional<LedgerEntry> {
    for (const std::string* sql : {&accepted, &refused}) {
      SQLite::Statement& row = connection.query(sql->c_str(), invoice_id);
      if (row.executeStep()) return read_entry(row);
    }
    return std::nullopt;
  });
}

// In pages, each in a transaction of its own, because writers wait for readers. Entries do not
// change, so the result is that of one transaction at the end. SQLite cannot group a million
// entries without sorting them.
std::vector<LedgerTotal> SqliteLedger::totals() {
  constexpr std::int64_t kPageRows = 50'000;  // about 20 ms
  Totals totals;
  for (std::optional<std::int64_t> after = 0; after;) {
    after = database_.read([&](SqliteConnection& connection) {
      return add_page(totals, connection, *after, kPageRows);
    });
  }
  std::vector<LedgerTotal> sorted;
  for (const auto& [key, total] : totals) sorted.push_back(total);
  return sorted;
}

}  // namespace payment_provider
