// What the tests of PostgresDatabase have in common: a schema, and what they ask a database.

#ifndef COMMON_STORAGE_POSTGRES_FIXTURE_H_
#define COMMON_STORAGE_POSTGRES_FIXTURE_H_

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/unavailable.h"
#include "common/storage/lock_wait.h"
#include "common/storage/postgres_database.h"
#include "tests/support/eventually.h"
#include "tests/support/postgres_server.h"

namespace common {

using tests::eventually;
using tests::PostgresServer;
using Numbers = std::vector<std::int64_t>;

// Each migration adds a row, so that a test sees how often it ran.
inline constexpr const char* kTestVersion1[] = {
    "CREATE TABLE IF NOT EXISTS migrations (version BIGINT)",
    "CREATE TABLE IF NOT EXISTS numbers (n BIGINT PRIMARY KEY)",
    "INSERT INTO migrations VALUES (1)"};
inline constexpr const char* kTestVersion2[] = {
    "ALTER TABLE numbers ADD COLUMN IF NOT EXISTS note TEXT", "INSERT INTO migrations VALUES (2)"};
inline constexpr PostgresMigration kTestMigrations[] = {{kTestVersion1}, {kTestVersion2}};
inline constexpr PostgresSchema kTestSchema{.application = "test", .migrations = kTestMigrations};

inline void insert(PostgresDatabase& database, std::int64_t n) {
  database.write("insert", [n](PostgresConnection& connection) {
    connection.run("INSERT INTO numbers (n) VALUES ($1)", n);
  });
}

inline Numbers numbers(PostgresDatabase& database, const std::string& sql) {
  return database.read(
      [&](PostgresConnection& connection) { return connection.run(sql).numbers(0); });
}

inline Numbers all(PostgresDatabase& database) {
  return numbers(database, "SELECT n FROM numbers ORDER BY n");
}

// Why `work` failed; "" if it did not.
inline std::string failure(const std::function<void()>& work) {
  try {
    work();
    return "";
  } catch (const Unavailable& error) {
    return error.what();
  }
}

// Expects Unavailable within `limit`, and returns its message.
inline std::string expect_unavailable(const std::function<void()>& work,
                                      std::chrono::milliseconds limit = kLongestLockWait) {
  const auto begin = std::chrono::steady_clock::now();
  const std::string message = failure(work);
  EXPECT_NE(message, "");
  EXPECT_LT(std::chrono::steady_clock::now() - begin,
            tests::kSlowdown * (limit + std::chrono::milliseconds(2600)));  // less than two waits
  return message;
}

// Runs `work` in `count` concurrent threads.
inline void in_threads(int count, const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&work, i] { work(i); });
  for (std::thread& thread : threads) thread.join();
}

// How many connections others have to the database of `url`, in this state.
inline int connections(const std::string& url, const std::string& condition = "TRUE") {
  return std::stoi(PostgresServer::query(
      url,
      "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
      "pid <> pg_backend_pid() AND " +
          condition));
}

// Ends or cancels them.
inline void signal_connections(const std::string& url, const std::string& function,
                               const std::string& condition = "TRUE") {
  PostgresServer::execute(url, "SELECT " + function +
                                   "(pid) FROM pg_stat_activity WHERE "
                                   "datname = current_database() AND pid <> pg_backend_pid() AND " +
                                   condition);
}

// Runs `work` in a thread while another connection has locked the rows of `table`. Calls
// `meanwhile` when `work` waits for the lock, and then releases it.
inline void while_locked(const std::string& url, const std::string& table,
                         const std::function<void()>& meanwhile,
                         const std::function<void()>& work) {
  PostgresConnection other{PostgresParameters(url)};
  other.set_deadline(std::chrono::steady_clock::now() + tests::kPatience);
  other.run_all("BEGIN; SELECT 1 FROM " + table + " FOR UPDATE");
  std::thread thread(work);
  EXPECT_TRUE(eventually([&] { return connections(url, "wait_event_type = 'Lock'") == 1; }));
  meanwhile();
  other.run_all("COMMIT");
  thread.join();
}

// How many rows of a table were read without an index, after `rows` were inserted by connections
// that have ended since.
inline int rows_scanned(const std::string& url, const std::string& table, int rows) {
  const auto statistic = [&](const std::string& column) {
    return PostgresServer::query(
        url, "SELECT " + column + " FROM pg_stat_user_tables WHERE relname = '" + table + "'");
  };
  EXPECT_TRUE(eventually([&] { return statistic("n_tup_ins") == std::to_string(rows); }));
  return std::stoi(statistic("seq_tup_read"));
}

// Changes a setting of the server while it runs; "" is its default again.
inline void set(const PostgresServer& server, const std::string& setting,
                const std::string& value) {
  const std::string url = server.url("postgres");
  PostgresServer::execute(url, value.empty()
                                   ? "ALTER SYSTEM RESET " + setting
                                   : "ALTER SYSTEM SET " + setting + " = '" + value + "'");
  PostgresServer::execute(url, "SELECT pg_reload_conf()");
  const std::string sql =
      "SELECT CASE WHEN source <> 'default' THEN setting END FROM pg_settings WHERE name = '" +
      setting + "'";
  EXPECT_TRUE(eventually([&] { return PostgresServer::query(url, sql) == value; }));
  // The checkpointer tells all sessions whether commits wait for standbys. It reads the settings
  // before it begins a checkpoint.
  PostgresServer::execute(url, "CHECKPOINT");
}

}  // namespace common

#endif  // COMMON_STORAGE_POSTGRES_FIXTURE_H_
