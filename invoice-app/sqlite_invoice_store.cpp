#include "invoice-app/sqlite_invoice_store.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "common/log/log.h"
#include "common/storage/unix_time.h"
#include "invoice-app/audit_statements.h"
#include "invoice-app/sqlite_invoice_queries.h"

namespace invoice_app {
namespace {

using common::SqliteConnection;
using common::to_unix_ms;

// `state` is an InvoiceState. `claimable_at_ms` of an unpaid or sending invoice:
//   0   may be claimed at once, if payment was requested for all invoices up to it
//   1   may be claimed at once, because payment was requested for this one
//   >1  Unix time from which on it may be claimed again: the end of its lease (lease_owner is set)
//       or the time of its retry (lease_owner is NULL)
// The index `due` has only unpaid and sending invoices, so the others do not make claims slower.
constexpr const char* kVersion1 = R"sql(
      CREATE TABLE invoices (
        sequence        INTEGER PRIMARY KEY,
        id              TEXT    NOT NULL UNIQUE,
        amount_minor    INTEGER NOT NULL CHECK (amount_minor > 0),
        currency        TEXT    NOT NULL,
        state           INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 3),
        generation      INTEGER NOT NULL DEFAULT 1,
        attempt         INTEGER NOT NULL DEFAULT 0,
        claimable_at_ms INTEGER NOT NULL DEFAULT 0,
        lease_owner     TEXT,
        refusal         TEXT
      ) STRICT;
      CREATE INDEX due ON invoices (claimable_at_ms, sequence) WHERE state IN (0, 1);
      CREATE INDEX refused ON invoices (sequence) WHERE state = 3;

      CREATE TABLE payment_request (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        through  INTEGER NOT NULL   -- payment is requested for every invoice up to this sequence
      ) STRICT;
      INSERT INTO payment_request VALUES (1, 0);
    )sql";

// audit has the last completed audit, if there was one.
//
// payment_request.due_since_ms is when payment was requested while no invoice was due, or the time
// of the migration if payment had been requested before. NULL if only a program that knows version
// 1 has requested payment.
//
// Times of an invoice are NULL if a program that knows only version 1 has made the change. Such
// programs also
//   - raise `attempt` and refuse without a change of refused_attempt: refused_at_ms is valid if
//     both are equal;
//   - release with claimable_at_ms = 0 what was requested by its id. The index `released` finds it.
constexpr const char* kVersion2 = R"sql(
      ALTER TABLE invoices ADD COLUMN created_at_ms INTEGER;
      ALTER TABLE invoices ADD COLUMN paid_at_ms INTEGER;
      ALTER TABLE invoices ADD COLUMN refused_at_ms INTEGER;
      ALTER TABLE invoices ADD COLUMN refused_attempt INTEGER;
      ALTER TABLE payment_request ADD COLUMN due_since_ms INTEGER;
      UPDATE payment_request SET due_since_ms = 1000 * strftime('%s', 'now') WHERE through > 0;
      CREATE INDEX released ON invoices (sequence) WHERE state = 1 AND claimable_at_ms = 0;
      CREATE TABLE audit (
        only_row                  INTEGER PRIMARY KEY CHECK (only_row = 1),
        started_at_ms             INTEGER NOT NULL,
        finished_at_ms            INTEGER NOT NULL,
        paid_without_payment      INTEGER NOT NULL,
        payment_without_invoice   INTEGER NOT NULL,
        payment_of_unpaid_invoice INTEGER NOT NULL,
        different_amount          INTEGER NOT NULL,
        paid_twice                INTEGER NOT NULL
      ) STRICT;
    )sql";

constexpr std::array kMigrations = {common::SqliteMigration{kVersion1},
                                    common::SqliteMigration{kVersion2}};

std::int64_t number(SQLite::Statement& query) {
  query.executeStep();
  return query.getColumn(0).getInt64();
}

AddOutcome add_group(SqliteConnection& connection, const std::vector<NewInvoice>& group,
                     std::int64_t now_ms) {
  AddOutcome outcome;
  connection.run("SAVEPOINT a_group");
  for (std::size_t i = 0; i < group.size(); ++i) {
    const auto& [id, amount] = group[i];
    const int added = connection.run(
        "INSERT INTO invoices (id, amount_minor, currency, created_at_ms) "
        "VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        id, amount.minor_units, std::string(amount.currency.code()), now_ms);
    outcome.added += static_cast<std::size_t>(added);
    SQLite::Statement& row = connection.query(
        "SELECT sequence, id, amount_minor, currency, state FROM invoices WHERE id = ?1", id);
    row.executeStep();
    if (find_money(row.getColumn(2), row.getColumn(3)) != amount) {
      row.reset();
      connection.run("ROLLBACK TO a_group");
      outcome = {.invoices = {}, .added = 0, .conflict = id};
      break;
    }
    outcome.invoices.push_back(read_invoice(row));
  }
  connection.run("RELEASE a_group");
  return outcome;
}

void settle_one(SqliteConnection& connection, const std::string& owner,
                const Settlement& settlement, std::int64_t now_ms) {
  switch (settlement.kind) {
    case Settlement::Kind::kPaid:
      connection.run(
          "UPDATE invoices SET state = 2, claimable_at_ms = 0, lease_owner = NULL, refusal = NULL, "
          "paid_at_ms = max(?2, coalesce(created_at_ms, 0)) WHERE sequence = ?1 AND state <> 2",
          settlement.sequence, now_ms);
      break;
    case Settlement::Kind::kRefused:
      connection.run(
          "UPDATE invoices SET state = 3, claimable_at_ms = 0, lease_owner = NULL, refusal = ?4, "
          "refused_at_ms = max(?5, coalesce(created_at_ms, 0)), refused_attempt = attempt "
          "WHERE sequence = ?1 AND state = 1 AND lease_owner = ?2 AND attempt = ?3",
          settlement.sequence, owner, settlement.attempt, settlement.refusal, now_ms);
      break;
    case Settlement::Kind::kRetry:
      connection.run(
          "UPDATE invoices SET claimable_at_ms = ?4, lease_owner = NULL "
          "WHERE sequence = ?1 AND state = 1 AND lease_owner = ?2 AND attempt = ?3",
          settlement.sequence, owner, settlement.attempt,
          std::max<std::int64_t>(1, to_unix_ms(settlement.retry_at)));
      break;
  }
}

// The invoices up to a sequence that are neither paid nor refused.
std::int64_t count_pending(SqliteConnection& connection, std::int64_t through) {
  return number(
      connection.query("SELECT count(*) FROM invoices INDEXED BY due "
                       "WHERE state IN (0, 1) AND sequence <= ?1",
                       through));
}

class Transaction final : public InvoiceTransaction {
 public:
  Transaction(SqliteConnection& connection, std::int64_t now_ms)
      : connection_(connection), now_ms_(now_ms) {}

  PayRun request_payment() override {
    note_request();
    connection_.run(
        "UPDATE invoices SET state = 0, generation = generation + 1, refusal = NULL "
        "WHERE state = 3");
    connection_.run(
        "UPDATE invoices SET claimable_at_ms = 0 "
        "WHERE state IN (0, 1) AND claimable_at_ms > 0 AND lease_owner IS NULL");
    const std::int64_t through =
        number(connection_.query("SELECT coalesce(max(sequence), 0) FROM invoices"));
    connection_.run("UPDATE payment_request SET through = max(through, ?1)", through);
    return {.through = through, .due = count_pending(connection_, through)};
  }

  std::int64_t request_payment_of(std::span<const std::string> ids) override {
    note_request();
    for (const std::string& id : ids) {
      connection_.run(
          "UPDATE invoices SET generation = generation + (state = 3), "
          "state = CASE state WHEN 3 THEN 0 ELSE state END, refusal = NULL, "
          "claimable_at_ms = sequence > (SELECT through FROM payment_request) "
          "WHERE id = ?1 AND state <> 2 AND lease_owner IS NULL",
          id);
    }
    return static_cast<std::int64_t>(pending_invoices(connection_, ids).size());
  }

  std::vector<Claim> claim(const Lease& lease, std::size_t limit) override {
    Claimable found = find_claimable(connection_, lease, limit);
    if (!found.skipped_because.empty()) {
      common::log_error("invoices are not paid", {{"reason", found.skipped_because}});
    }
    for (const Claim& claim : found.claims) {
      connection_.run(
          "UPDATE invoices SET state = 1, attempt = ?2, lease_owner = ?3, claimable_at_ms = ?4 "
          "WHERE sequence = ?1",
          claim.sequence, claim.attempt, lease.owner, to_unix_ms(lease.until));
    }
    return std::move(found.claims);
  }

  void settle(const std::string& owner, std::span<const Settlement> settlements) override {
    for (const Settlement& settlement : settlements) {
      settle_one(connection_, owner, settlement, now_ms_);
    }
  }

 private:
  // Before the request.
  void note_request() {
    if (find_due_since(connection_)) return;
    connection_.run("UPDATE payment_request SET due_since_ms = ?1", now_ms_);
  }

  SqliteConnection& connection_;
  const std::int64_t now_ms_;
};

}  // namespace

constinit const common::SqliteSchema SqliteInvoiceStore::kSchema = {
    .application_id = 0x696e766f,  // "invo"
    .migrations = kMigrations};

SqliteInvoiceStore::SqliteInvoiceStore(const std::string& path, const common::Clock& clock,
                                       common::Opening opening)
    : clock_(clock), database_(path, kSchema, opening) {}

std::vector<AddOutcome> SqliteInvoiceStore::add(std::span<const std::vector<NewInvoice>> groups) {
  return database_.write("add", [&](SqliteConnection& connection) {
    const std::int64_t now_ms = to_unix_ms(clock_.now());
    std::vector<AddOutcome> outcomes;
    outcomes.reserve(groups.size());
    for (const auto& group : groups) outcomes.push_back(add_group(connection, group, now_ms));
    return outcomes;
  });
}

std::vector<Invoice> SqliteInvoiceStore::list(std::int64_t after, std::size_t limit) {
  return database_.read(
      [&](SqliteConnection& connection) { return list_invoices(connection, after, limit); });
}

std::vector<InvoiceDetails> SqliteInvoiceStore::page(const InvoiceFilter& filter,
                                                     std::int64_t after, std::size_t limit) {
  return database_.read([&](SqliteConnection& connection) {
    return page_of_invoices(connection, filter, after, limit);
  });
}

std::optional<InvoiceDetails> SqliteInvoiceStore::find(const std::string& id) {
  return database_.read([&](SqliteConnection& connection) { return find_invoice(connection, id); });
}

std::vector<Invoice> SqliteInvoiceStore::find_all(std::span<const std::string> ids) {
  return database_.read(
      [&](SqliteConnection& connection) { return find_invoices(connection, ids); });
}

std::vector<InvoiceTotal> SqliteInvoiceStore::totals() {
  InvoiceTotals totals;
  while (
      database_.read([&](SqliteConnection& connection) { return totals.add_page(connection); })) {
  }
  return totals.totals();
}

std::optional<common::WallTime> SqliteInvoiceStore::due_since() {
  return database_.read(find_due_since);
}

void SqliteInvoiceStore::record_audit(const AuditRecord& record) {
  database_.write("audit", [&](SqliteConnection& connection) { write_audit(connection, record); });
}

std::optional<AuditRecord> SqliteInvoiceStore::last_audit() { return database_.read(find_audit); }

void SqliteInvoiceStore::write(std::string_view what, const Work& work) {
  database_.write(what, [&](SqliteConnection& connection) {
    Transaction transaction(connection, to_unix_ms(clock_.now()));
    work(transaction);
  });
}

PayProgress SqliteInvoiceStore::progress(const PayRun& run) {
  return database_.read([&](SqliteConnection& connection) {
    return PayProgress{
        .pending = count_pending(connection, run.through),
        .refused = number(connection.query(
            "SELECT count(*) FROM invoices WHERE state = 3 AND sequence <= ?1", run.through))};
  });
}

bool SqliteInvoiceStore::is_pending(const PayRun& run) {
  return database_.read([&](SqliteConnection& connection) {
    return number(connection.query("SELECT EXISTS (SELECT 1 FROM invoices WHERE state IN (0, 1) "
                                   "AND claimable_at_ms = 0 AND sequence <= ?1) "
                                   "OR EXISTS (SELECT 1 FROM invoices WHERE state IN (0, 1) "
                                   "AND claimable_at_ms > 0 AND sequence <= ?1)",
                                   run.through)) != 0;
  });
}

std::vector<std::string> SqliteInvoiceStore::pending_of(std::span<const std::string> ids) {
  return database_.read(
      [&](SqliteConnection& connection) { return pending_invoices(connection, ids); });
}

bool SqliteInvoiceStore::is_claimable(const Lease& lease) {
  return database_.read([&](SqliteConnection& connection) {
    return !find_claimable(connection, lease, 1).claims.empty();
  });
}

void SqliteInvoiceStore::release(const std::string& owner) {
  database_.write("release", [&](SqliteConnection& connection) {
    connection.run(
        "UPDATE invoices SET lease_owner = NULL, "
        "claimable_at_ms = sequence > (SELECT through FROM payment_request) "
        "WHERE state = 1 AND claimable_at_ms > 0 AND lease_owner = ?1",
        owner);
  });
}

}  // namespace invoice_app
