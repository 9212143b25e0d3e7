#include "invoice-app/postgres_invoice_store.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <set>

#include "common/storage/unix_time.h"
#include "invoice-app/audit_statements.h"
#include "invoice-app/postgres_invoice_queries.h"

namespace invoice_app {
namespace {

using common::PostgresConnection;
using common::to_unix_ms;

// The same meaning as in sqlite_invoice_store.cpp. Sequences come from invoice_counter, not from
// the database's own sequences: its row stays locked until the commit, so the order of sequences is
// the order of commits. The indexes begin with "sequence" and have an order, because distributed
// databases spread rows over their primary key.
constexpr std::array kVersion1 = {
    R"sql(CREATE TABLE IF NOT EXISTS invoices (
        sequence        BIGINT PRIMARY KEY,
        id              TEXT   NOT NULL UNIQUE,
        amount_minor    BIGINT NOT NULL CHECK (amount_minor > 0),
        currency        TEXT   NOT NULL,
        state           BIGINT NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 3),
        generation      BIGINT NOT NULL DEFAULT 1,
        attempt         BIGINT NOT NULL DEFAULT 0,
        claimable_at_ms BIGINT NOT NULL DEFAULT 0,
        lease_owner     TEXT,
        refusal         TEXT))sql",
    "CREATE UNIQUE INDEX IF NOT EXISTS invoices_in_order ON invoices (sequence ASC)",
    "CREATE INDEX IF NOT EXISTS invoices_due ON invoices (claimable_at_ms ASC, sequence ASC) "
    "WHERE state < 2",
    "CREATE INDEX IF NOT EXISTS invoices_refused ON invoices (sequence ASC) WHERE state = 3",
    "CREATE TABLE IF NOT EXISTS invoice_counter "
    "(only_row BIGINT PRIMARY KEY CHECK (only_row = 1), last BIGINT NOT NULL)",
    "INSERT INTO invoice_counter (only_row, last) VALUES (1, 0) ON CONFLICT DO NOTHING",
    "CREATE TABLE IF NOT EXISTS payment_request "
    "(only_row BIGINT PRIMARY KEY CHECK (only_row = 1), through BIGINT NOT NULL)",
    "INSERT INTO payment_request (only_row, through) VALUES (1, 0) ON CONFLICT DO NOTHING"};

constexpr std::array kVersion2 = {
    "ALTER TABLE invoices ADD COLUMN IF NOT EXISTS created_at_ms BIGINT, "
    "ADD COLUMN IF NOT EXISTS paid_at_ms BIGINT, ADD COLUMN IF NOT EXISTS refused_at_ms BIGINT, "
    "ADD COLUMN IF NOT EXISTS refused_attempt BIGINT",
    "ALTER TABLE payment_request ADD COLUMN IF NOT EXISTS due_since_ms BIGINT",
    "UPDATE payment_request SET due_since_ms = "
    "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) "
    "WHERE due_since_ms IS NULL AND through > 0",
    "CREATE INDEX IF NOT EXISTS invoices_released ON invoices (sequence ASC) "
    "WHERE state = 1 AND claimable_at_ms = 0",
    R"sql(CREATE TABLE IF NOT EXISTS audit (
        only_row                  BIGINT PRIMARY KEY CHECK (only_row = 1),
        started_at_ms             BIGINT NOT NULL,
        finished_at_ms            BIGINT NOT NULL,
        paid_without_payment      BIGINT NOT NULL,
        payment_without_invoice   BIGINT NOT NULL,
        payment_of_unpaid_invoice BIGINT NOT NULL,
        different_amount          BIGINT NOT NULL,
        paid_twice                BIGINT NOT NULL))sql"};

constexpr std::array kMigrations = {common::PostgresMigration{kVersion1},
                                    common::PostgresMigration{kVersion2}};

constexpr std::array kChecks = {
    "INSERT INTO invoices (sequence, id, amount_minor, currency) "
    "SELECT sequence, id, amount_minor, currency FROM invoices WHERE FALSE",
    "UPDATE invoices SET state = state WHERE FALSE",
    "UPDATE invoice_counter SET last = last WHERE FALSE",
    "UPDATE payment_request SET through = through WHERE FALSE"};

// Adds groups in one transaction. The lock of the counter keeps other additions out, so what this
// has read stays true. It also is a change, so the commit waits for the standbys although it may
// only confirm what is stored.
class Addition {
 public:
  Addition(PostgresConnection& connection, const common::Clock& clock)
      : connection_(connection),
        last_(connection.run("SELECT last FROM invoice_counter FOR UPDATE").number(0, 0)),
        now_ms_(to_unix_ms(clock.now())) {}

  std::vector<AddOutcome> add(std::span<const std::vector<NewInvoice>> groups) {
    read_stored(groups);
    std::vector<AddOutcome> outcomes;
    outcomes.reserve(groups.size());
    for (const auto& group : groups) outcomes.push_back(add_group(group));
    insert_added();
    return outcomes;
  }

 private:
  void read_stored(std::span<const std::vector<NewInvoice>> groups) {
    std::vector<std::string> ids;
    for (const auto& group : groups) {
      for (const NewInvoice& invoice : group) ids.push_back(invoice.id);
    }
    const auto rows = connection_.find_each(
        std::string("SELECT ") + kInvoiceColumns + " FROM invoices", "id = wanted", ids);
    for (int row = 0; row < rows.size(); ++row) {
      if (common::Currency::find_any(rows.text(row, 3))) {
        invoices_.emplace(rows.text(row, 1), read_invoice(rows, row));
      } else {
        unknown_.insert(rows.text(row, 1));
      }
    }
  }

  AddOutcome add_group(const std::vector<NewInvoice>& group) {
    AddOutcome outcome;
    const std::size_t before = added_.size();
    for (const auto& [id, amount] : group) {
      const auto [invoice, is_new] = invoices_.try_emplace(
          id, Invoice{.sequence = last_ + 1, .id = id, .amount = amount, .state = {}});
      if (is_new) {
        ++last_;
        added_.push_back(invoice->second);
      }
      if (invoice->second.amount != amount || unknown_.contains(id)) {
        undo_after(before);
        return {.invoices = {}, .added = 0, .conflict = id};
      }
      outcome.invoices.push_back(invoice->second);
    }
    outcome.added = added_.size() - before;
    return outcome;
  }

  void undo_after(std::size_t count) {
    last_ -= static_cast<std::int64_t>(added_.size() - count);
    for (; added_.size() > count; added_.pop_back()) invoices_.erase(added_.back().id);
  }

  void insert_added() {
    if (added_.empty()) return;
    std::vector<std::int64_t> sequences;
    std::vector<std::string> ids;
    std::vector<std::int64_t> amounts;
    std::vector<std::string> currencies;
    for (const Invoice& invoice : added_) {
      sequences.push_back(invoice.sequence);
      ids.push_back(invoice.id);
      amounts.push_back(invoice.amount.minor_units);
      currencies.emplace_back(invoice.amount.currency.code());
    }
    connection_.run(
        "INSERT INTO invoices (sequence, id, amount_minor, currency, created_at_ms) "
        "SELECT unnest($1::BIGINT[]), unnest($2::TEXT[]), unnest($3::BIGINT[]), "
        "unnest($4::TEXT[]), $5::BIGINT",
        sequences, ids, amounts, currencies, now_ms_);
    connection_.run("UPDATE invoice_counter SET last = $1", last_);
  }

  PostgresConnection& connection_;
  std::int64_t last_;
  const std::int64_t now_ms_;  // with the lock, so that it is not earlier than that of the last one
  std::map<std::string, Invoice> invoices_;  // by id: stored, or added by an earlier group
  std::set<std::string>
      unknown_;  // ids of those stored in currencies that this program does not know
  std::vector<Invoice> added_;
};

constexpr const char* kExpired = "state < 2 AND claimable_at_ms BETWEEN 1 AND ";
// Written before the clock was set back.
constexpr const char* kTooLate = "state < 2 AND claimable_at_ms > ";

// " AND currency IN ('AED', ...": those that this program knows.
const std::string& known_currency() {
  static const std::string condition = [] {
    std::string codes;
    for (const std::string_view code : common::Currency::all_codes()) {
      codes += (codes.empty() ? "'" : ", '") + std::string(code) + '\'';
    }
    return " AND currency IN (" + codes + ")";
  }();
  return condition;
}

// What InvoiceStore::claim() claims, in this order.
std::array<std::string, 4> claimable(const Lease& lease) {
  return {kAtOnce + known_currency(),
          kExpired + std::to_string(to_unix_ms(lease.now)) + known_currency(),
          kTooLate + std::to_string(to_unix_ms(lease.until + (lease.until - lease.now))) +
              known_currency(),
          kReleased + known_currency()};
}

std::int64_t count_pending(PostgresConnection& connection, std::int64_t through) {
  return connection.run("SELECT count(*) FROM invoices WHERE state < 2 AND sequence <= $1", through)
      .number(0, 0);
}

// In one statement, which sees one state: another transaction may refuse some meanwhile.
std::int64_t count_unpaid(PostgresConnection& connection, std::int64_t through) {
  return connection
      .run(
          "SELECT (SELECT count(*) FROM invoices WHERE state < 2 AND sequence <= $1) "
          "+ (SELECT count(*) FROM invoices WHERE state = 3 AND sequence <= $1)",
          through)
      .number(0, 0);
}

class Transaction final : public InvoiceTransaction {
 public:
  Transaction(PostgresConnection& connection, const PostgresInvoiceStoreOptions& options,
              std::int64_t now_ms)
      : connection_(connection), options_(options), now_ms_(now_ms) {}

  PayRun request_payment() override {
    give_time_for("state = 3");
    // Concurrent requests take turns, so that one does not wait for another's invoices.
    connection_.run("SELECT through FROM payment_request FOR UPDATE");
    const std::int64_t through = connection_.run("SELECT last FROM invoice_counter").number(0, 0);
    note_request();
    connection_.run("UPDATE payment_request SET through = GREATEST(through, $1::BIGINT)", through);
    restart("state = 3", "state = 0, generation = generation + 1, refusal = NULL");
    restart("state < 2 AND claimable_at_ms > 0 AND lease_owner IS NULL", "claimable_at_ms = 0");
    return {.through = through, .due = count_unpaid(connection_, through)};
  }

  std::int64_t request_payment_of(std::span<const std::string> ids) override {
    // The lock: a request of all that has read `through` already would set claimable_at_ms to 0.
    const std::int64_t through =
        connection_.run("SELECT through FROM payment_request FOR UPDATE").number(0, 0);
    note_request();
    const std::vector<std::string> requested(ids.begin(), ids.end());
    const std::string condition = "id = ANY($1::TEXT[]) AND state <> 2 AND lease_owner IS NULL";
    connection_.run(
        "UPDATE invoices SET generation = CASE state WHEN 3 THEN generation + 1 ELSE generation "
        "END, "
        "state = CASE state WHEN 3 THEN 0 ELSE state END, refusal = NULL, "
        "claimable_at_ms = CASE WHEN sequence <= $2 THEN 0 ELSE 1 END "
        "WHERE sequence IN (SELECT sequence FROM invoices WHERE " +
            condition + skip_locked() + ") AND " + condition,
        requested, through);
    return connection_
        .run("SELECT count(*) FROM invoices WHERE id = ANY($1::TEXT[]) AND state < 2", requested)
        .number(0, 0);
  }

  std::vector<Claim> claim(const Lease& lease, std::size_t limit) override {
    std::vector<Claim> claims;
    for (const std::string& condition : claimable(lease)) {
      if (claims.size() < limit) claim_if(condition, lease, limit - claims.size(), claims);
    }
    return claims;
  }

  void settle(const std::string& owner, std::span<const Settlement> settlements) override {
    using Kind = Settlement::Kind;
    settle_refused(owner, of_kind(settlements, Kind::kRefused));
    settle_retry(owner, of_kind(settlements, Kind::kRetry));
    // Last, because paid is final.
    settle_paid(of_kind(settlements, Kind::kPaid));
  }

 private:
  using Settlements = std::vector<const Settlement*>;

  static Settlements of_kind(std::span<const Settlement> settlements, Settlement::Kind kind) {
    Settlements chosen;
    for (const Settlement& settlement : settlements) {
      if (settlement.kind == kind) chosen.push_back(&settlement);
    }
    return chosen;
  }

  template <typename Value, typename Member>
  static std::vector<Value> values(const Settlements& settlements, Member member) {
    std::vector<Value> values;
    values.reserve(settlements.size());
    for (const Settlement* settlement : settlements) values.push_back(member(*settlement));
    return values;
  }

  static std::vector<std::int64_t> sequences(const Settlements& settlements) {
    return values<std::int64_t>(settlements, [](const Settlement& one) { return one.sequence; });
  }

  static std::vector<std::int64_t> attempts(const Settlements& settlements) {
    return values<std::int64_t>(settlements, [](const Settlement& one) { return one.attempt; });
  }

  // Before the request, with the lock of payment_request.
  void note_request() {
    if (find_due_since(connection_)) return;
    connection_.run("UPDATE payment_request SET due_since_ms = $1", now_ms_);
  }

  // Gives this transaction time to change these invoices, or to wait until another one has changed
  // them. Returns whether there are any.
  bool give_time_for(const std::string& condition) {
    constexpr int kRowsPerMs = 1;  // at least, on a slow server; there may be a million
    const std::int64_t count =
        connection_.run("SELECT count(*) FROM invoices WHERE " + condition).number(0, 0);
    if (count > 0) connection_.extend_deadline(std::chrono::milliseconds(count / kRowsPerMs));
    return count > 0;
  }

  // Not those that another transaction has locked: it may wait for this one, and it settles, claims
  // or releases them.
  void restart(const std::string& condition, const std::string& changes) {
    if (!give_time_for(condition)) return;
    connection_.run("UPDATE invoices SET " + changes +
                    " WHERE sequence IN (SELECT sequence FROM invoices WHERE " + condition +
                    skip_locked() + ") AND " + condition);
  }

  // The second statement looks again, because without the locks of the first one another
  // transaction may have claimed the same ones meanwhile.
  void claim_if(const std::string& condition, const Lease& lease, std::size_t limit,
                std::vector<Claim>& claims) {
    const auto found =
        connection_.run("SELECT sequence, attempt, claimable_at_ms FROM invoices WHERE " +
                        condition + kInOrder + std::to_string(limit) + skip_locked());
    if (found.size() == 0) return;
    const auto rows = connection_.run(
        "UPDATE invoices SET state = 1, attempt = attempt + 1, lease_owner = $1, "
        "claimable_at_ms = $2 "
        "FROM (SELECT unnest($3::BIGINT[]) AS found, unnest($4::BIGINT[]) AS found_attempt, "
        "unnest($5::BIGINT[]) AS found_claimable) AS found_rows "
        "WHERE sequence = found AND state < 2 AND attempt = found_attempt "
        "AND claimable_at_ms = found_claimable "
        "RETURNING sequence, id, amount_minor, currency, generation, attempt",
        lease.owner, to_unix_ms(lease.until), found.numbers(0), found.numbers(1), found.numbers(2));
    const std::size_t before = claims.size();
    for (int row = 0; row < rows.size(); ++row) {
      claims.push_back(
          {.sequence = rows.number(row, 0),
           .id = rows.text(row, 1),
           .amount = common::stored_money(rows.number(row, 2), rows.text(row, 3)).value(),
           .generation = rows.number(row, 4),
           .attempt = rows.number(row, 5)});
    }
    std::sort(claims.begin() + static_cast<std::ptrdiff_t>(before), claims.end(),
              [](const Claim& a, const Claim& b) { return a.sequence < b.sequence; });
  }

  const char* skip_locked() const { return options_.skip_locked ? " FOR UPDATE SKIP LOCKED" : ""; }

  void settle_paid(const Settlements& paid) {
    if (paid.empty()) return;
    connection_.run(
        "UPDATE invoices SET state = 2, claimable_at_ms = 0, lease_owner = NULL, refusal = NULL, "
        "paid_at_ms = GREATEST($2::BIGINT, created_at_ms) "
        "WHERE sequence = ANY($1::BIGINT[]) AND state <> 2",
        sequences(paid), now_ms_);
  }

  void settle_refused(const std::string& owner, const Settlements& refused) {
    if (refused.empty()) return;
    connection_.run(
        "UPDATE invoices SET state = 3, claimable_at_ms = 0, lease_owner = NULL, "
        "refusal = settled_refusal, refused_at_ms = GREATEST($5::BIGINT, created_at_ms), "
        "refused_attempt = attempt "
        "FROM (SELECT unnest($2::BIGINT[]) AS settled, unnest($3::BIGINT[]) AS settled_attempt, "
        "unnest($4::TEXT[]) AS settled_refusal) AS settlements "
        "WHERE sequence = settled AND state = 1 AND lease_owner = $1 AND attempt = settled_attempt",
        owner, sequences(refused), attempts(refused),
        values<std::string>(refused, [](const Settlement& one) { return one.refusal; }), now_ms_);
  }

  void settle_retry(const std::string& owner, const Settlements& retries) {
    if (retries.empty()) return;
    connection_.run(
        "UPDATE invoices SET claimable_at_ms = settled_retry, lease_owner = NULL "
        "FROM (SELECT unnest($2::BIGINT[]) AS settled, unnest($3::BIGINT[]) AS settled_attempt, "
        "unnest($4::BIGINT[]) AS settled_retry) AS settlements "
        "WHERE sequence = settled AND state = 1 AND lease_owner = $1 AND attempt = settled_attempt",
        owner, sequences(retries), attempts(retries),
        values<std::int64_t>(retries, [](const Settlement& one) {
          return std::max<std::int64_t>(1, to_unix_ms(one.retry_at));
        }));
  }

  PostgresConnection& connection_;
  const PostgresInvoiceStoreOptions& options_;
  const std::int64_t now_ms_;
};

}  // namespace

constinit const common::PostgresSchema PostgresInvoiceStore::kSchema = {
    .application = "invoice-app", .migrations = kMigrations, .checks = kChecks};

PostgresInvoiceStore::PostgresInvoiceStore(const std::string& url,
                                           PostgresInvoiceStoreOptions options)
    : database_(url, kSchema, {.opening = options.opening}),
      options_(options),
      clock_(options.clock == nullptr ? database_.clock() : *options.clock) {}

std::vector<AddOutcome> PostgresInvoiceStore::add(std::span<const std::vector<NewInvoice>> groups) {
  return database_.write("add", [&](PostgresConnection& connection) {
    return Addition(connection, clock_).add(groups);
  });
}

std::vector<Invoice> PostgresInvoiceStore::list(std::int64_t after, std::size_t limit) {
  return database_.read(
      [&](PostgresConnection& connection) { return list_invoices(connection, after, limit); });
}

std::vector<InvoiceDetails> PostgresInvoiceStore::page(const InvoiceFilter& filter,
                                                       std::int64_t after, std::size_t limit) {
  return database_.read([&](PostgresConnection& connection) {
    return page_of_invoices(connection, filter, after, limit);
  });
}

std::optional<InvoiceDetails> PostgresInvoiceStore::find(const std::string& id) {
  return database_.read(
      [&](PostgresConnection& connection) { return find_invoice(connection, id); });
}

std::vector<Invoice> PostgresInvoiceStore::find_all(std::span<const std::string> ids) {
  return database_.read(
      [&](PostgresConnection& connection) { return find_invoices(connection, ids); });
}

std::vector<InvoiceTotal> PostgresInvoiceStore::totals() { return database_.read(invoice_totals); }

std::optional<common::WallTime> PostgresInvoiceStore::due_since() {
  return database_.read(find_due_since);
}

void PostgresInvoiceStore::record_audit(const AuditRecord& record) {
  database_.write("audit",
                  [&](PostgresConnection& connection) { write_audit(connection, record); });
}

std::optional<AuditRecord> PostgresInvoiceStore::last_audit() { return database_.read(find_audit); }

void PostgresInvoiceStore::write(std::string_view what, const Work& work) {
  database_.write(what, [&](PostgresConnection& connection) {
    Transaction transaction(connection, options_, to_unix_ms(clock_.now()));
    work(transaction);
  });
}

PayProgress PostgresInvoiceStore::progress(const PayRun& run) {
  return database_.read([&](PostgresConnection& connection) {
    return PayProgress{
        .pending = count_pending(connection, run.through),
        .refused = connection
                       .run("SELECT count(*) FROM invoices WHERE state = 3 AND sequence <= $1",
                            run.through)
                       .number(0, 0)};
  });
}

bool PostgresInvoiceStore::is_pending(const PayRun& run) {
  return database_.read([&](PostgresConnection& connection) {
    // Two, because in one the index would lead through all later invoices that nobody has
    // requested.
    constexpr std::array kPending = {
        "(claimable_at_ms, sequence) <= (0::BIGINT, $1)",
        "claimable_at_ms > 0 AND sequence <= $1",
    };
    return std::any_of(kPending.begin(), kPending.end(), [&](const std::string& condition) {
      return connection
                 .run("SELECT 1 FROM invoices WHERE state < 2 AND " + condition + kInOrder + "1",
                      run.through)
                 .size() > 0;
    });
  });
}

std::vector<std::string> PostgresInvoiceStore::pending_of(std::span<const std::string> ids) {
  return database_.read(
      [&](PostgresConnection& connection) { return pending_invoices(connection, ids); });
}

bool PostgresInvoiceStore::is_claimable(const Lease& lease) {
  return database_.read([&](PostgresConnection& connection) {
    const auto conditions = claimable(lease);
    return std::any_of(conditions.begin(), conditions.end(), [&](const std::string& condition) {
      return connection.run("SELECT 1 FROM invoices WHERE " + condition + kInOrder + "1").size() >
             0;
    });
  });
}

void PostgresInvoiceStore::release(const std::string& owner) {
  database_.write("release", [&](PostgresConnection& connection) {
    connection.run(
        "UPDATE invoices SET lease_owner = NULL, claimable_at_ms = CASE "
        "WHEN sequence <= (SELECT through FROM payment_request) THEN 0 ELSE 1 END "
        "WHERE state = 1 AND claimable_at_ms > 0 AND lease_owner = $1",
        owner);
  });
}

}  // namespace invoice_app
