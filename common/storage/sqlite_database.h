// One SQLite database file, as both stores use it: shared by several processes on one machine,
// durable at every commit (rollback journal, synchronous=FULL; docs/decisions/0002-no-wal.md), with
// its schema brought up to date when it is opened.
//
// Thread-safe. Writers take turns on one connection; readers have some of their own. Waiting for
// one's turn and for other processes' locks ends after kLongestLockWait. Whatever SQLite can't do
// is thrown as common::Unavailable; connections on which that happened are replaced, and so are
// those to a file that has been moved away or deleted.

#ifndef COMMON_STORAGE_SQLITE_DATABASE_H_
#define COMMON_STORAGE_SQLITE_DATABASE_H_

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace common {

// Shorter than the 5 s that probes and invoice-app's calls wait, so that they get an answer.
inline constexpr std::chrono::seconds kLongestLockWait{3};

// A connection with its prepared statements. Not thread-safe.
class SqliteConnection {
 public:
  enum class Access { kRead, kWrite, kCreate };
  using Deadline = std::chrono::steady_clock::time_point;

  // Waits for locks until `deadline`, here and up to the commit. Throws SQLite::Exception, as
  // everything here does.
  SqliteConnection(const std::string& path, Access access, Deadline deadline);

  // Whether the path leads to another file by now, or to none: what is written is lost then.
  bool has_lost_its_file();

  // The statement for this text, before its first row, with the values bound to ?1, ?2, ... It is
  // prepared once, so `sql` must be a literal. Valid until it is asked for again.
  template <typename... Values>
  SQLite::Statement& query(const char* sql, const Values&... values) {
    SQLite::Statement& prepared = statement(sql);
    int index = 0;
    (prepared.bind(++index, values), ...);
    return prepared;
  }

  // Runs a statement that has no rows to give. Returns how many it changed.
  template <typename... Values>
  int run(const char* sql, const Values&... values) {
    return query(sql, values...).exec();
  }

  // Runs statements that are not worth keeping prepared.
  void run_once(const std::string& sql) { database_.exec(sql); }

  void begin(Deadline deadline);
  // `what` the transaction does, for tests that let the process die in it.
  void commit(std::string_view what);

 private:
  static int wait_for_lock(void* deadline, int times_called);
  SQLite::Statement& statement(const char* sql);

  const Access access_;
  Deadline lock_deadline_;
  SQLite::Database database_;
  std::map<const char*, SQLite::Statement> statements_;
};

struct SqliteSchema {
  // Says whose database a file is (PRAGMA application_id), so that one is never taken for another.
  int application_id;
  // migrations[i] brings version i to i + 1 (PRAGMA user_version). Only ever appended to.
  std::span<const char* const> migrations;
};

class SqliteDatabase {
 public:
  // Opens the file, creating it if need be, and runs the migrations that it hasn't seen, each once,
  // whichever process comes first. Throws Unavailable when the file can't be used, is another
  // application's, or is from a newer version of this one.
  SqliteDatabase(std::string path, const SqliteSchema& schema);

  // Calls `work` with a connection inside a write transaction, which is committed when it returns.
  // When it throws, or the commit fails, nothing that was written is relied upon. `what` it does
  // is in the names of its points in common/fault_point.h.
  template <typename Work>
  auto write(std::string_view what, Work work) {
    const WriteTurn turn(*this);
    return guarded(writer_, SqliteConnection::Access::kWrite, turn.deadline, work, what);
  }

  // The same inside a read transaction: all reads see one state. Keep it short: writers wait.
  template <typename Work>
  auto read(Work work) {
    Reader reader(*this);
    return guarded(reader.connection, SqliteConnection::Access::kRead, lock_deadline(), work,
                   "read");
  }

  // Returns when the database can be read and written now and still has the schema that it had
  // when it was opened, else throws Unavailable.
  void check();

 private:
  using ConnectionPtr = std::unique_ptr<SqliteConnection>;

  // The turn to write, for as long as this lives. Throws Unavailable when it doesn't come in time.
  struct WriteTurn {
    explicit WriteTurn(SqliteDatabase& from);
    ~WriteTurn();
    WriteTurn(const WriteTurn&) = delete;
    WriteTurn& operator=(const WriteTurn&) = delete;

    SqliteDatabase& database;
    const SqliteConnection::Deadline deadline;
  };

  // A connection of the pool, for as long as this lives.
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
        connection = std::make_unique<SqliteConnection>(path_, access, deadline);
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
  // Called in a handler: throws on what is being handled, SQLite's exceptions as Unavailable.
  [[noreturn]] void rethrow() const;
  void migrate(SqliteConnection& connection, const SqliteSchema& schema) const;

  const std::string path_;
  int version_ = 0;  // of the schema; set by the constructor
  // A mutex with a deadline. Not std::timed_mutex: GCC 12's ThreadSanitizer takes it for misused.
  std::mutex turn_mutex_;
  std::condition_variable turn_ended_;
  bool is_writing_ = false;  // guarded by turn_mutex_
  ConnectionPtr writer_;     // for whose turn it is; null: to be opened
  std::mutex readers_mutex_;
  std::vector<ConnectionPtr> idle_readers_;  // guarded by readers_mutex_
};

}  // namespace common

#endif  // COMMON_STORAGE_SQLITE_DATABASE_H_
