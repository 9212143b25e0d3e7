// A SQLite database file that several processes on one machine share. Every commit is durable
// (rollback journal, synchronous=FULL; docs/decisions/0002-no-wal.md).
//
// Thread-safe. Writers take turns on the writer's connection; readers have a pool. A transaction
// waits at most kLongestLockWait to begin (for its turn and for locks of other processes), and at
// most as long again to commit. Every failure of SQLite is thrown as common::Unavailable. The
// connection on which it happened is replaced, and so are connections to a file that was moved or
// deleted.

#ifndef COMMON_STORAGE_SQLITE_DATABASE_H_
#define COMMON_STORAGE_SQLITE_DATABASE_H_

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/storage/lock_wait.h"
#include "common/storage/schema_version.h"

namespace common {

// A connection with its prepared statements. Not thread-safe.
class SqliteConnection {
 public:
  enum class Access { kRead, kWrite, kCreate };
  using Deadline = std::chrono::steady_clock::time_point;

  // Waits for locks until `deadline`. commit() has a deadline of its own. Throws SQLite::Exception,
  // as all functions of this class do. `generation` becomes a part of version().
  SqliteConnection(const std::string& path, Access access, Deadline deadline,
                   std::uint32_t generation);

  // True if the file was moved or deleted: writes would be lost.
  bool has_lost_its_file();

  // SqliteDatabase::version(), read from the file without a lock.
  std::optional<std::uint64_t> version();

  // The statement for this text, before its first row, with the values bound to ?1, ?2, ... It is
  // prepared once, so `sql` must be a literal. Valid until the next query() or run() of this text.
  template <typename... Values>
  SQLite::Statement& query(const char* sql, const Values&... values) {
    SQLite::Statement& prepared = statement(sql);
    int index = 0;
    (prepared.bind(++index, values), ...);
    return prepared;
  }

  // Runs a statement that returns no rows. Returns how many rows it changed.
  template <typename... Values>
  int run(const char* sql, const Values&... values) {
    return query(sql, values...).exec();
  }

  // Copies all pages, in one state, into an empty file. The file is not synced, because commits of
  // other processes wait during the copy.
  void copy_to(const std::string& path);

  // Runs statements without keeping them prepared.
  void run_once(const std::string& sql) { database_.exec(sql); }
  // The first value of the first row.
  std::int64_t number_once(const std::string& sql) { return database_.execAndGet(sql).getInt64(); }

  void begin(Deadline deadline);
  // `what` names the transaction for fault points. Waits for locks for at most kLongestLockWait.
  void commit(std::string_view what);

 private:
  static int wait_for_lock(void* deadline, int times_called);
  SQLite::Statement& statement(const char* sql);

  const Access access_;
  const std::uint32_t generation_;
  Deadline lock_deadline_;
  SQLite::Database database_;
  std::map<const char*, SQLite::Statement> statements_;
};

struct SqliteMigration {
  const char* sql;
  // SchemaVersion::oldest_program from this migration on. 0 if it only adds what programs that do
  // not know it can ignore: tables, indexes that are not unique, columns that may be NULL or have
  // a default.
  int oldest_program = 0;
};

struct SqliteSchema {
  // Identifies the application that owns a file (PRAGMA application_id).
  int application_id;
  // migrations[i] changes version i to i + 1. Only append to them.
  std::span<const SqliteMigration> migrations;

  // After all migrations.
  SchemaVersion version() const;
};

// The schema version of a file; nullopt if it belongs to another application, or to none yet.
std::optional<SchemaVersion> read_schema_version(SqliteConnection& connection,
                                                 const SqliteSchema& schema);

class SqliteDatabase {
 public:
  // Opens or creates the file and runs the migrations that it needs. Each runs once, also when
  // several processes start concurrently. A newer schema that allows this program stays as it is.
  // With Opening::kExisting and kReadOnly, the file must exist with all migrations. With kReadOnly,
  // write() and check() throw std::logic_error; only the unfinished commit of a process that was
  // killed is rolled back.
  // Throws Unavailable if the file can't be used, belongs to another application, or has a schema
  // that does not allow this program.
  SqliteDatabase(std::string path, const SqliteSchema& schema, Opening opening = Opening::kMigrate);

  // Calls `work` with a connection in a write transaction, and commits when it returns. If `work`
  // throws, nothing is written. If the commit fails, it is unknown whether it was written.
  template <typename Work>
  auto write(std::string_view what, Work work) {
    const WriteTurn turn(*this);
    return guarded(writer_, SqliteConnection::Access::kWrite, turn.deadline, work, what);
  }

  // The same in a read transaction: all reads see one state. Keep it short, because writers wait.
  template <typename Work>
  auto read(Work work) {
    Reader reader(*this);
    return guarded(reader.connection, SqliteConnection::Access::kRead, lock_deadline(), work,
                   "read");
  }

  // The version of the content: differs after every commit, of any process. Never waits for a lock.
  // It is SQLite's file change counter (https://www.sqlite.org/fileformat.html, section 1.3.7) with
  // a number that differs after the file was replaced. A commit
  // in progress may have written its version already, and can still be rolled back. So content that
  // is kept must have the committed_version(). Content with an equal version is up to date, because
  // a commit writes its version before it ends
  // (docs/decisions/0007-lists-are-cached-by-the-change-counter.md). Unknown (nullopt) until the
  // first committed_version(), and if the file cannot be read.
  std::optional<std::uint64_t> version();

  // The version of the committed content: waits for a commit in progress, or rolls it back if its
  // process was killed. What is read after this is of this version if version() is still the same.
  std::optional<std::uint64_t> committed_version();

  // Throws Unavailable unless the database can be read and written now and still has a schema that
  // this program can use.
  void check();

 private:
  using ConnectionPtr = std::unique_ptr<SqliteConnection>;

  // Holds the turn to write. Throws Unavailable if it does not get the turn in time.
  struct WriteTurn {
    explicit WriteTurn(SqliteDatabase& from);
    ~WriteTurn();
    WriteTurn(const WriteTurn&) = delete;
    WriteTurn& operator=(const WriteTurn&) = delete;

    SqliteDatabase& database;
    const SqliteConnection::Deadline deadline;
  };

  // Holds a connection of the pool.
  struct Reader {
    explicit Reader(SqliteDatabase& from);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    SqliteDatabase& database;
    ConnectionPtr connection;
  };

  template <typename Work>
  auto guarded(ConnectionPtr& connection, SqliteConnection::Access access,
               SqliteConnection::Deadline deadline, Work& work, std::string_view what) {
    try {
      if (!connection || connection->has_lost_its_file()) {
        connection =
            std::make_unique<SqliteConnection>(path_, access, deadline, current_generation());
      }
      connection->begin(deadline);
      if constexpr (std::is_void_v<decltype(work(*connection))>) {
        work(*connection);
        connection->commit(what);
      } else {
        auto result = work(*connection);
        connection->commit(what);
        return result;
      }
    } catch (...) {
      connection.reset();  // which rolls back
      rethrow();
    }
  }

  static SqliteConnection::Deadline lock_deadline() {
    return std::chrono::steady_clock::now() + kLongestLockWait;
  }
  // Ends the generation if the file was moved or replaced.
  void drop_moved_file() REQUIRES(version_mutex_);
  std::uint32_t current_generation();
  void open_version_reader();
  // Called in a catch block. Rethrows the exception, one of SQLite as Unavailable.
  [[noreturn]] void rethrow() const;
  void migrate(SqliteConnection& connection, const SqliteSchema& schema) const;
  // Throws Unavailable if this program may not use a schema of this version.
  void check_allowed(const SchemaVersion& found) const;
  // The same, and if it lacks migrations.
  void check_current(const SchemaVersion& found) const;

  const std::string path_;
  const int known_version_;  // of the schema
  const Opening opening_;
  // The turn to write is a lock with a timeout. Not std::timed_mutex: GCC 12's ThreadSanitizer
  // reports it wrongly.
  Mutex turn_mutex_;
  CondVar turn_ended_;
  bool is_writing_ GUARDED_BY(turn_mutex_) = false;
  ConnectionPtr writer_;  // belongs to the holder of the WriteTurn; null until opened
  Mutex readers_mutex_;
  std::vector<ConnectionPtr> idle_readers_ GUARDED_BY(readers_mutex_);
  Mutex version_mutex_;  // never held for long
  // Has no transactions. Null until committed_version(), and after the file was replaced.
  ConnectionPtr version_reader_ GUARDED_BY(version_mutex_);
  std::uint32_t generation_ GUARDED_BY(version_mutex_) = 0;
};

}  // namespace common

#endif  // COMMON_STORAGE_SQLITE_DATABASE_H_
