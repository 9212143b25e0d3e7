#include "common/storage/sqlite_database.h"

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <random>
#include <stdexcept>
#include <thread>

#include "common/base/fault_point.h"
#include "common/base/unavailable.h"
#include "common/log/log.h"
#include "common/storage/network_file_system.h"

namespace common {
namespace {

using std::chrono::microseconds;
using std::chrono::steady_clock;

int open_flags(SqliteConnection::Access access) {
  // Readers write too: they roll back the unfinished commit of a process that was killed.
  return access == SqliteConnection::Access::kCreate ? SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE
                                                     : SQLite::OPEN_READWRITE;
}

int number(SqliteConnection& connection, const char* sql) {
  SQLite::Statement& query = connection.query(sql);
  query.executeStep();
  return query.getColumn(0).getInt();
}

// PRAGMA user_version has the version in its low 16 bits and the oldest program in its high bits.
// So a schema that every program may use has its version as a plain number.
constexpr unsigned kVersionBits = 16;

int to_user_version(const SchemaVersion& schema) {
  return schema.oldest_program << kVersionBits | schema.version;
}

SchemaVersion read_schema_version(SqliteConnection& connection) {
  const auto number_pair = static_cast<std::uint32_t>(number(connection, "PRAGMA user_version"));
  return {.version = static_cast<int>(number_pair & ((1U << kVersionBits) - 1)),
          .oldest_program = static_cast<int>(number_pair >> kVersionBits)};
}

void write_schema_version(SqliteConnection& connection, const SchemaVersion& schema) {
  connection.run_once("PRAGMA user_version = " + std::to_string(to_user_version(schema)));
}

}  // namespace

SchemaVersion SqliteSchema::version() const {
  SchemaVersion version{.version = static_cast<int>(migrations.size())};
  for (const SqliteMigration& migration : migrations) {
    version.oldest_program = std::max(version.oldest_program, migration.oldest_program);
  }
  return version;
}

std::optional<SchemaVersion> read_schema_version(SqliteConnection& connection,
                                                 const SqliteSchema& schema) {
  if (number(connection, "PRAGMA application_id") != schema.application_id) return std::nullopt;
  return read_schema_version(connection);
}

SqliteConnection::SqliteConnection(const std::string& path, Access access, Deadline deadline,
                                   std::uint32_t generation)
    : access_(access),
      generation_(generation),
      lock_deadline_(deadline),
      database_(path, open_flags(access)) {
  sqlite3_busy_handler(database_.getHandle(), wait_for_lock, &lock_deadline_);
  sqlite3_extended_result_codes(database_.getHandle(), 1);
  database_.exec("PRAGMA journal_mode = TRUNCATE");
  database_.exec("PRAGMA synchronous = FULL");
  database_.exec("PRAGMA mmap_size = 0");
  database_.exec("PRAGMA temp_store = MEMORY");
  database_.exec("PRAGMA trusted_schema = OFF");
  if (access == Access::kRead) database_.exec("PRAGMA query_only = ON");
}

// SQLite calls it while another process has the lock; 0 ends the wait. A lock is held for about as
// long as a commit takes, so the waits are short. They are random, so that processes take turns.
int SqliteConnection::wait_for_lock(void* deadline, int times_called) {
  if (steady_clock::now() > *static_cast<const Deadline*>(deadline)) return 0;
  thread_local std::minstd_rand generator(std::random_device{}());
  const int most = std::min(200 * (times_called + 1), 1000);
  std::this_thread::sleep_for(
      microseconds(std::uniform_int_distribution<int>(50, most)(generator)));
  return 1;
}

SQLite::Statement& SqliteConnection::statement(const char* sql) {
  const auto found = statements_.find(sql);
  if (found == statements_.end()) {
    return statements_.try_emplace(sql, database_, sql).first->second;
  }
  found->second.tryReset();
  return found->second;
}

bool SqliteConnection::has_lost_its_file() {
  int has_moved = 0;
  sqlite3_file_control(database_.getHandle(), nullptr, SQLITE_FCNTL_HAS_MOVED, &has_moved);
  return has_moved != 0;
}

// Reads with SQLite's own descriptor: closing another one of the file would release all locks of
// this process (https://www.sqlite.org/howtocorrupt.html, section 2.2).
std::optional<std::uint64_t> SqliteConnection::version() {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(database_.getHandle(), nullptr, SQLITE_FCNTL_FILE_POINTER,
                       static_cast<void*>(&file));
  if (file == nullptr || file->pMethods == nullptr) return std::nullopt;
  // Bytes 18 and 19 of the file are 1 with a rollback journal; with a WAL, commits do not change
  // the counter. Bytes 24 to 27 are the counter.
  constexpr sqlite3_int64 kBegin = 18;
  std::array<unsigned char, 28 - kBegin> header{};
  if (file->pMethods->xRead(file, header.data(), header.size(), kBegin) != SQLITE_OK ||
      header[0] != 1 || header[1] != 1) {
    return std::nullopt;
  }
  std::uint64_t version = generation_;
  for (std::size_t i = 24 - kBegin; i < header.size(); ++i) version = version << 8U | header[i];
  return version;
}

void SqliteConnection::copy_to(const std::string& path) {
  SQLite::Database target(path, SQLite::OPEN_READWRITE);
  target.exec("PRAGMA synchronous = OFF");
  target.exec("PRAGMA journal_mode = OFF");
  // One step: a commit of another process between two steps would make it begin again.
  const int result = SQLite::Backup(target, database_).executeStep();
  if (result != SQLITE_DONE) throw SQLite::Exception(sqlite3_errstr(result), result);
}

void SqliteConnection::begin(Deadline deadline) {
  lock_deadline_ = deadline;
  run(access_ == Access::kRead ? "BEGIN" : "BEGIN IMMEDIATE");
}

void SqliteConnection::commit(std::string_view what) {
  // The wait for readers has a deadline of its own, however long the work took.
  lock_deadline_ = steady_clock::now() + kLongestLockWait;
  // A query that has more rows would keep its lock.
  for (auto& [sql, prepared] : statements_) prepared.tryReset();
  if (access_ == Access::kRead) {
    run("COMMIT");
    return;
  }
  fault_point("before-commit", what);
  fault_point("in-commit", what, [this] { sqlite3_db_cacheflush(database_.getHandle()); });
  run("COMMIT");
  fault_point("after-commit", what);
}

SqliteDatabase::SqliteDatabase(std::string path, const SqliteSchema& schema, Opening opening)
    : path_(std::move(path)), known_version_(schema.version().version), opening_(opening) {
  if (opening != Opening::kMigrate) {
    read([&](SqliteConnection& connection) {
      const auto found = common::read_schema_version(connection, schema);
      if (!found) throw Unavailable("database " + path_ + " has no data of this service");
      check_current(*found);
    });
    return;
  }
  try {
    writer_ = std::make_unique<SqliteConnection>(path_, SqliteConnection::Access::kCreate,
                                                 lock_deadline(), current_generation());
  } catch (...) {
    rethrow();
  }
  if (const auto file_system = network_file_system(path_)) {
    log_warn(
        "the database is on a network file system, where locks may not work; use a local disk, "
        "or PostgreSQL",
        {{"database", path_}, {"file_system", *file_system}});
  }
  fault_point("before-migration");
  write("migrate", [&](SqliteConnection& connection) { migrate(connection, schema); });
}

void SqliteDatabase::migrate(SqliteConnection& connection, const SqliteSchema& schema) const {
  const int application_id = number(connection, "PRAGMA application_id");
  const SchemaVersion found = read_schema_version(connection);
  // Few applications set the two numbers, so a file without them is new only if it has no tables.
  const bool is_new = application_id == 0 && found == SchemaVersion{} &&
                      number(connection, "SELECT count(*) FROM sqlite_master") == 0;
  if (application_id != schema.application_id && !is_new) {
    throw Unavailable("database " + path_ + " belongs to another application");
  }
  check_allowed(found);
  if (found.version >= known_version_) return;
  for (const SqliteMigration& migration :
       schema.migrations.subspan(static_cast<std::size_t>(found.version))) {
    connection.run_once(migration.sql);
  }
  connection.run_once("PRAGMA application_id = " + std::to_string(schema.application_id));
  write_schema_version(connection, schema.version());
  log_info("database migrated",
           {{"database", path_}, {"from_version", found.version}, {"to_version", known_version_}});
}

void SqliteDatabase::check_allowed(const SchemaVersion& found) const {
  if (found.allows_program(known_version_)) return;
  throw Unavailable("database " + path_ + " " + describe_refusal(found, known_version_));
}

void SqliteDatabase::check_current(const SchemaVersion& found) const {
  check_allowed(found);
  if (found.version >= known_version_) return;
  throw Unavailable("database " + path_ + " " + describe_old_schema(found.version, known_version_));
}

void SqliteDatabase::rethrow() const {
  try {
    throw;
  } catch (const SQLite::Exception& error) {
    throw Unavailable("database " + path_ + ": " + error.what());
  }
}

std::optional<std::uint64_t> SqliteDatabase::version() {
  MutexLock lock(version_mutex_);
  drop_moved_file();
  return version_reader_ ? version_reader_->version() : std::nullopt;
}

void SqliteDatabase::drop_moved_file() {
  if (!version_reader_ || !version_reader_->has_lost_its_file()) return;
  ++generation_;
  version_reader_.reset();
}

std::optional<std::uint64_t> SqliteDatabase::committed_version() {
  open_version_reader();
  return read([](SqliteConnection& connection) {
    number(connection, "PRAGMA user_version");  // BEGIN alone takes no lock
    return connection.version();
  });
}

void SqliteDatabase::open_version_reader() {
  std::uint32_t generation = 0;
  {
    MutexLock lock(version_mutex_);
    if (version_reader_) return;
    generation = generation_;
  }
  try {
    auto opened = std::make_unique<SqliteConnection>(path_, SqliteConnection::Access::kRead,
                                                     lock_deadline(), generation);
    MutexLock lock(version_mutex_);
    if (!version_reader_ && generation == generation_) version_reader_ = std::move(opened);
  } catch (...) {
    rethrow();
  }
}

std::uint32_t SqliteDatabase::current_generation() {
  MutexLock lock(version_mutex_);
  drop_moved_file();
  return generation_;
}

void SqliteDatabase::check() {
  write("check", [this](SqliteConnection& connection) {
    const SchemaVersion found = read_schema_version(connection);
    check_current(found);
    // Writes the same value again, which tests the whole way to the disk.
    write_schema_version(connection, found);
  });
}

SqliteDatabase::WriteTurn::WriteTurn(SqliteDatabase& from)
    : database(from), deadline(lock_deadline()) {
  if (database.opening_ == Opening::kReadOnly) {
    throw std::logic_error("the database is opened to read only");
  }
  MutexLock lock(database.turn_mutex_);
  const auto is_free = [this]() REQUIRES(database.turn_mutex_) { return !database.is_writing_; };
  if (!database.turn_ended_.wait_until(lock, deadline, is_free)) {
    throw Unavailable("database " + database.path_ + ": too many writers are waiting");
  }
  database.is_writing_ = true;
}

SqliteDatabase::WriteTurn::~WriteTurn() {
  MutexLock lock(database.turn_mutex_);
  database.is_writing_ = false;
  database.turn_ended_.notify_one();
}

SqliteDatabase::Reader::Reader(SqliteDatabase& from) : database(from) {
  MutexLock lock(database.readers_mutex_);
  if (database.idle_readers_.empty()) return;
  connection = std::move(database.idle_readers_.back());
  database.idle_readers_.pop_back();
}

SqliteDatabase::Reader::~Reader() {
  constexpr std::size_t kMaxIdle = 8;
  MutexLock lock(database.readers_mutex_);
  if (connection && database.idle_readers_.size() < kMaxIdle) {
    database.idle_readers_.push_back(std::move(connection));
  }
}

}  // namespace common
