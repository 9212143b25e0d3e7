// A PostgreSQL database, or one with its protocol, that processes on several machines share.
//
// Thread-safe. Transactions have a pool of connections. They run concurrently, so `work` may be
// called again if its transaction was undone: because of a conflict with another one, or because
// the connection was lost before the commit. A transaction waits at most kLongestLockWait to begin
// and for its locks, and at most as long again to commit; kLongestWaitOfJobs if the database is not
// opened to serve from it (Opening). Every failure of the database is thrown as
// common::Unavailable.

#ifndef COMMON_STORAGE_POSTGRES_DATABASE_H_
#define COMMON_STORAGE_POSTGRES_DATABASE_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/storage/postgres_connection.h"
#include "common/storage/schema_version.h"

namespace common {

struct PostgresMigration {
  // Each runs outside a transaction, because not every database can undo a change of the schema. So
  // each must do nothing if it was done before.
  std::span<const char* const> statements;
  int oldest_program = 0;  // as SqliteMigration has it
};

struct PostgresSchema {
  // Identifies the application that owns a database.
  const char* application;
  // migrations[i] changes version i to i + 1. Only append to them.
  std::span<const PostgresMigration> migrations;
  // Statements that change nothing, but need the tables, locks and rights of those that do. While
  // one of them fails, the database is not ready.
  std::span<const char* const> checks = {};
};

struct PostgresOptions {
  // With Opening::kReadOnly, write() and check() throw std::logic_error.
  Opening opening = Opening::kMigrate;
  // How long a commit without a response uses up a connection of the pool. Behind a proxy, a server
  // that has vanished may never be noticed.
  std::chrono::seconds longest_doubt = std::chrono::minutes(5);
  // How long check() fails after a write for which the server's disk had no space. What check()
  // writes itself needs no more space.
  std::chrono::milliseconds full_disk_time = std::chrono::seconds(10);
};

class PostgresDatabase {
 public:
  // Connects and, with Opening::kMigrate, runs the migrations that the database needs. Each runs
  // once, also if several processes start concurrently. Throws std::invalid_argument if `url` is
  // malformed, and Unavailable if the database can't be used, belongs to another application, or
  // has a schema that this version may not use.
  PostgresDatabase(const std::string& url, const PostgresSchema& schema,
                   PostgresOptions options = {});

  // Calls `work` with a connection in a transaction, and commits when it returns. If `work` throws,
  // nothing is written. If the commit fails, it is unknown whether it was written.
  template <typename Function>
  auto write(std::string_view what, Function work) {
    return run(PostgresConnection::Access::kWrite, what, work);
  }

  // The same, for reads: all see one state.
  template <typename Function>
  auto read(Function work) {
    return run(PostgresConnection::Access::kRead, "read", work);
  }

  // Throws Unavailable unless the database can be read and written now and has a schema that this
  // version may use.
  void check();

  // The time of the database server, as of the last transaction. All processes use it, because the
  // clocks of their machines differ.
  const Clock& clock() const { return clock_; }

 private:
  using Access = PostgresConnection::Access;
  using SteadyTime = std::chrono::steady_clock::time_point;
  using Work = std::function<void(PostgresConnection&)>;
  using ConnectionPtr = std::unique_ptr<PostgresConnection>;

  class ServerClock : public Clock {
   public:
    void set(WallTime now);
    WallTime now() const override;

   private:
    std::atomic<std::int64_t> offset_ms_ = 0;  // from steady_clock
  };

  // Holds one of the pool's connections; null until it is opened.
  struct Turn {
    Turn(PostgresDatabase& from, SteadyTime deadline);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    PostgresDatabase& database;
    ConnectionPtr connection;
    bool is_finished = false;
    bool is_in_doubt = false;
  };

  struct InDoubt {
    ConnectionPtr connection;
    SteadyTime since;
  };

  template <typename Function>
  auto run(Access access, std::string_view what, Function& work) {
    using Result = decltype(work(std::declval<PostgresConnection&>()));
    if constexpr (std::is_void_v<Result>) {
      transact(access, what, [&work](PostgresConnection& connection) { work(connection); });
    } else {
      std::optional<Result> result;
      transact(access, what, [&work, &result](PostgresConnection& connection) {
        result.emplace(work(connection));
      });
      return std::move(*result);
    }
  }

  void transact(Access access, std::string_view what, const Work& work);
  void attempt(Access access, std::string_view what, const Work& work, SteadyTime deadline);
  // Closes idle connections: they are as old as one that has failed.
  void drop_idle();
  void drop_ended() REQUIRES(mutex_);
  // Throws Unavailable if the database lacks migrations, or has a schema that this program may not
  // use.
  void check_schema();
  void check_current(int version) const;
  void migrate();
  // Returns true if there is nothing left to migrate. `owner` is unique to this process.
  bool migrate_step(PostgresConnection& connection, const std::string& owner);
  // Makes the table schema_version in a new database.
  int schema_version(PostgresConnection& connection);
  // The version in the row (application, version, oldest_program), if this program may use it.
  int allowed_version(const PostgresRows& rows) const;
  int known_version() const { return static_cast<int>(schema_.migrations.size()); }

  const PostgresParameters parameters_;
  const std::string name_;  // for messages
  const PostgresSchema schema_;
  const PostgresOptions options_;
  ServerClock clock_;
  std::atomic<SteadyTime> disk_full_until_ = SteadyTime();

  Mutex mutex_;
  CondVar turn_ended_;
  std::size_t turns_ GUARDED_BY(mutex_) = 0;
  std::vector<ConnectionPtr> idle_ GUARDED_BY(mutex_);
  // Their commit got no response yet. They count as used, so that servers that never respond get no
  // more connections than others.
  std::vector<InDoubt> in_doubt_ GUARDED_BY(mutex_);
};

}  // namespace common

#endif  // COMMON_STORAGE_POSTGRES_DATABASE_H_
