#include "common/storage/postgres_database.h"

#include <algorithm>
#include <array>
#include <exception>
#include <random>
#include <stdexcept>
#include <thread>

#include "common/base/fault_point.h"
#include "common/base/random.h"
#include "common/base/unavailable.h"
#include "common/log/log.h"
#include "common/storage/lock_wait.h"

namespace common {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// One writer of group commits, one of PaymentWorkers, the readiness check, and readers. A server
// has 100 connections by default, for three replicas of both services.
constexpr std::size_t kMaxConnections = 8;

constexpr seconds kLongestMigration{60};

// How long others wait for a process that died in a migration. A step that takes longer is repeated
// by another process, and changes nothing.
constexpr seconds kMigrationTurn{5};
static_assert(2 * kMigrationTurn < kLongestMigration, "a start survives the death of another one");

// For a new connection, also if connecting took all of a transaction's time. Otherwise no
// connection would ever be used while servers that come first in the URL do not respond.
constexpr seconds kShortestWork{1};

// The server ends a statement that takes too long, and says why. It may be late by this much.
constexpr milliseconds kLatency{300};

constexpr const char* kDiskFull = "53100";

bool is_one_of(const std::string& sqlstate, std::initializer_list<std::string_view> states) {
  return std::any_of(states.begin(), states.end(),
                     [&](std::string_view state) { return sqlstate.starts_with(state); });
}

// The transaction was undone because of another one: serialization failure, deadlock.
bool is_conflict(const std::string& sqlstate) { return is_one_of(sqlstate, {"40001", "40P01"}); }

// The connection, the server, or its role as the primary was lost: try another one.
bool is_lost(const std::string& sqlstate) {
  return sqlstate.empty() || is_one_of(sqlstate, {"08", "57P", "25006", "53300"});
}

// Longer with each attempt. Random, so that processes with a conflict do not meet again.
milliseconds pause_before(int attempt) {
  thread_local std::minstd_rand generator(std::random_device{}());
  const int most = std::min(10 << std::min(attempt, 5), 200);
  return milliseconds(std::uniform_int_distribution<int>(most / 4, most)(generator));
}

}  // namespace

void PostgresDatabase::ServerClock::set(WallTime now) {
  const auto steady =
      std::chrono::floor<milliseconds>(steady_clock::now().time_since_epoch()).count();
  offset_ms_ = now.time_since_epoch().count() - steady;
}

WallTime PostgresDatabase::ServerClock::now() const {
  const auto steady = std::chrono::floor<milliseconds>(steady_clock::now().time_since_epoch());
  return WallTime(steady + milliseconds(offset_ms_ + fault_clock_offset_ms()));
}

PostgresDatabase::Turn::Turn(PostgresDatabase& from, SteadyTime deadline) : database(from) {
  MutexLock lock(database.mutex_);
  while (true) {
    database.drop_ended();
    if (database.turns_ + database.in_doubt_.size() < kMaxConnections) break;
    const auto now = steady_clock::now();
    if (now >= deadline) {
      throw Unavailable(database.name_ + ": all connections are in use");
    }
    database.turn_ended_.wait_until(lock, std::min(deadline, now + milliseconds(100)));
  }
  ++database.turns_;
  if (database.idle_.empty()) return;
  connection = std::move(database.idle_.back());
  database.idle_.pop_back();
}

PostgresDatabase::Turn::~Turn() {
  MutexLock lock(database.mutex_);
  --database.turns_;
  if (is_finished) {
    database.idle_.push_back(std::move(connection));
  } else if (is_in_doubt) {
    database.in_doubt_.push_back({std::move(connection), steady_clock::now()});
  }  // otherwise it is closed, which undoes its transaction
  database.turn_ended_.notify_one();
}

PostgresDatabase::PostgresDatabase(const std::string& url, const PostgresSchema& schema,
                                   PostgresOptions options)
    : parameters_(url),
      name_("database " + parameters_.description()),
      schema_(schema),
      options_(options) {
  fault_point("before-migration");
  read([](PostgresConnection& /*checks the server, and sets the clock*/) {});
  if (options_.opening == Opening::kMigrate) {
    migrate();
  } else {
    check_schema();
  }
}

void PostgresDatabase::check_schema() {
  read([this](PostgresConnection& connection) {
    const auto tables = connection.run(
        "SELECT count(*) FROM information_schema.tables "
        "WHERE table_schema = current_schema() AND table_name = 'schema_version'");
    if (tables.number(0, 0) == 0) throw Unavailable(name_ + " has no data of this service");
    check_current(allowed_version(
        connection.run("SELECT application, version, oldest_program FROM schema_version")));
  });
}

void PostgresDatabase::transact(Access access, std::string_view what, const Work& work) {
  if (access == Access::kWrite && options_.opening == Opening::kReadOnly) {
    throw std::logic_error("the database is opened to read only");
  }
  const auto wait = options_.opening == Opening::kMigrate ? kLongestLockWait : kLongestWaitOfJobs;
  const auto deadline = steady_clock::now() + wait;
  for (int attempts = 1;; ++attempts) {
    try {
      attempt(access, what, work, deadline);
      return;
    } catch (const PostgresError& error) {
      const auto pause = pause_before(attempts);
      if (steady_clock::now() + pause > deadline) throw Unavailable(name_ + ": " + error.what());
      std::this_thread::sleep_for(pause);
    }
  }
}

// Throws PostgresError if the transaction was undone and may be tried again.
void PostgresDatabase::attempt(Access access, std::string_view what, const Work& work,
                               SteadyTime deadline) {
  Turn turn(*this, deadline);
  bool is_committing = false;
  try {
    if (!turn.connection) {
      turn.connection = std::make_unique<PostgresConnection>(parameters_);
      deadline = std::max(deadline, steady_clock::now() + kShortestWork);
    }
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    clock_.set(
        turn.connection->begin(access, deadline + kLatency, std::max(left, milliseconds(1))));
    work(*turn.connection);
    is_committing = access == Access::kWrite;
    turn.connection->commit(access, what, steady_clock::now() + kLongestLockWait);
    turn.is_finished = true;
  } catch (const PostgresError& error) {
    turn.is_in_doubt = is_committing && error.sqlstate().empty();
    if (error.sqlstate() == kDiskFull) {
      disk_full_until_ = steady_clock::now() + options_.full_disk_time;
    }
    if (is_lost(error.sqlstate())) drop_idle();
    if (is_conflict(error.sqlstate()) || (is_lost(error.sqlstate()) && !is_committing)) throw;
    throw Unavailable(name_ + ": " + error.what());
  }
}

void PostgresDatabase::drop_idle() {
  std::vector<ConnectionPtr> dropped;
  MutexLock lock(mutex_);
  dropped.swap(idle_);
}

void PostgresDatabase::drop_ended() {
  const auto oldest = steady_clock::now() - options_.longest_doubt;
  std::erase_if(in_doubt_, [oldest](const InDoubt& entry) {
    return entry.connection->poll_ended() || entry.since < oldest;
  });
}

void PostgresDatabase::migrate() {
  const auto deadline = steady_clock::now() + kLongestMigration;
  const std::string owner = random_hex(16);
  while (true) {
    try {
      PostgresConnection connection(parameters_);
      connection.set_deadline(deadline);
      while (!migrate_step(connection, owner)) {
      }
      return;
    } catch (const PostgresError& error) {
      // Two processes that create the same table can fail both, with one of these. 55P03: another
      // transaction has a lock.
      const bool may_work_later =
          is_conflict(error.sqlstate()) || is_lost(error.sqlstate()) ||
          is_one_of(error.sqlstate(), {"23505", "42P07", "42710", "55P03", "XX000"});
      if (!may_work_later || steady_clock::now() > deadline) {
        throw Unavailable(name_ + ": " + error.what());
      }
    }
    std::this_thread::sleep_for(pause_before(1));
  }
}

bool PostgresDatabase::migrate_step(PostgresConnection& connection, const std::string& owner) {
  const int version = schema_version(connection);
  if (version >= known_version()) return true;
  // Ends by itself if this process dies.
  const auto turn = connection.run(
      "UPDATE schema_version SET migrating_by = $1, "
      "migrating_until = clock_timestamp() + $3::BIGINT * INTERVAL '1 second' "
      "WHERE version = $2 AND (migrating_by IS NULL OR migrating_until < clock_timestamp())",
      owner, version, std::int64_t{kMigrationTurn.count()});
  if (turn.changed() == 0) {  // another process migrates
    std::this_thread::sleep_for(milliseconds(50));
    return false;
  }
  const auto& migration = schema_.migrations[static_cast<std::size_t>(version)];
  try {
    // Who waits for a table's lock makes all others wait. So this gives up soon, and tries again.
    for (const char* statement : migration.statements) {
      connection.run_all(std::string("SET LOCAL lock_timeout = '1s'; ") + statement);
    }
  } catch (const PostgresError&) {
    write("migrate", [&](PostgresConnection& writer) {
      writer.run("UPDATE schema_version SET migrating_by = NULL WHERE migrating_by = $1", owner);
    });
    throw;
  }
  write("migrate", [&](PostgresConnection& writer) {
    writer.run(
        "UPDATE schema_version SET version = version + 1, "
        "oldest_program = GREATEST(oldest_program, $3::BIGINT), migrating_by = NULL "
        "WHERE version = $1 AND migrating_by = $2",
        version, owner, migration.oldest_program);
  });
  log_info("database migrated",
           {{"database", name_}, {"from_version", version}, {"to_version", version + 1}});
  return false;
}

int PostgresDatabase::schema_version(PostgresConnection& connection) {
  // Views do not count: extensions that observe the server put theirs into any database.
  const auto tables = connection.run(
      "SELECT (SELECT count(*) FROM information_schema.tables "
      "WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'), "
      "(SELECT count(*) FROM information_schema.columns WHERE table_schema = current_schema() "
      "AND table_name = 'schema_version' AND column_name = 'oldest_program')");
  if (tables.number(0, 1) == 0) {
    if (tables.number(0, 0) > 0) {
      throw Unavailable(name_ +
                        " belongs to another application: it has tables, but not this one's "
                        "schema_version. Each service needs a database of its own");
    }
    connection.run(
        "CREATE TABLE IF NOT EXISTS schema_version ("
        "only_row BIGINT PRIMARY KEY CHECK (only_row = 1), application TEXT NOT NULL, "
        "version BIGINT NOT NULL, oldest_program BIGINT NOT NULL, "
        "migrating_by TEXT, migrating_until TIMESTAMPTZ, checks BIGINT NOT NULL)");
  }
  connection.run(
      "INSERT INTO schema_version (only_row, application, version, oldest_program, checks) "
      "VALUES (1, $1, 0, 0, 0) ON CONFLICT DO NOTHING",
      std::string(schema_.application));
  return allowed_version(
      connection.run("SELECT application, version, oldest_program FROM schema_version"));
}

int PostgresDatabase::allowed_version(const PostgresRows& rows) const {
  if (rows.size() != 1 || rows.text(0, 0) != schema_.application) {
    throw Unavailable(name_ + " belongs to another application" +
                      (rows.size() == 1 ? ", " + rows.text(0, 0) : "") +
                      ". Each service needs a database of its own");
  }
  const SchemaVersion found{.version = static_cast<int>(rows.number(0, 1)),
                            .oldest_program = static_cast<int>(rows.number(0, 2))};
  if (!found.allows_program(known_version())) {
    throw Unavailable(name_ + " " + describe_refusal(found, known_version()));
  }
  return found.version;
}

void PostgresDatabase::check_current(int version) const {
  if (version >= known_version()) return;
  throw Unavailable(name_ + " " + describe_old_schema(version, known_version()));
}

void PostgresDatabase::check() {
  if (steady_clock::now() < disk_full_until_.load()) {
    throw Unavailable(name_ + ": the server's disk is full");
  }
  write("check", [this](PostgresConnection& connection) {
    check_current(
        allowed_version(connection.run("UPDATE schema_version SET checks = checks + 1 "
                                       "RETURNING application, version, oldest_program")));
    for (const char* statement : schema_.checks) connection.run_all(statement);
  });
}

}  // namespace common
