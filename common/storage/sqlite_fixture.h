// A database with three schema versions, and its file. For the tests of sqlite_database.h.

#ifndef COMMON_STORAGE_SQLITE_FIXTURE_H_
#define COMMON_STORAGE_SQLITE_FIXTURE_H_

#include <SQLiteCpp/Database.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <fstream>
#include <functional>
#include <ios>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "common/base/unavailable.h"
#include "common/storage/sqlite_database.h"
#include "tests/support/temporary_directory.h"

namespace common {

// Each migration adds a row, so that a test sees how often it ran. The second one only adds. The
// third one removes what programs of version 1 use.
inline constexpr SqliteMigration kMigrations[] = {
    {"CREATE TABLE migrations (version INTEGER); INSERT INTO migrations VALUES (1);"
     "CREATE TABLE numbers (n INTEGER PRIMARY KEY)"},
    {"INSERT INTO migrations VALUES (2); ALTER TABLE numbers ADD COLUMN note TEXT;"
     "CREATE VIEW notes AS SELECT n, note FROM numbers"},
    {"INSERT INTO migrations VALUES (3); DROP VIEW notes;"
     "ALTER TABLE numbers RENAME TO numbers_with_notes",
     2},
};
inline constexpr int kApplicationId = 0x74657374;

constexpr SqliteSchema schema_of_version(std::size_t version) {
  return {kApplicationId, std::span(kMigrations).first(version)};
}
inline constexpr SqliteSchema kOldSchema = schema_of_version(1);
inline constexpr SqliteSchema kSchema = schema_of_version(2);
inline constexpr SqliteSchema kContractedSchema = schema_of_version(3);

inline int number(SqliteConnection& connection, const char* sql) {
  SQLite::Statement& query = connection.query(sql);
  query.executeStep();
  return query.getColumn(0).getInt();
}

inline std::vector<int> numbers(SqliteDatabase& database, const char* sql) {
  return database.read([sql](SqliteConnection& connection) {
    std::vector<int> numbers;
    SQLite::Statement& query = connection.query(sql);
    while (query.executeStep()) numbers.push_back(query.getColumn(0).getInt());
    return numbers;
  });
}

inline std::vector<int> migrations(SqliteDatabase& database) {
  return numbers(database, "SELECT version FROM migrations ORDER BY rowid");
}

inline std::vector<int> all(SqliteDatabase& database) {
  return numbers(database, "SELECT n FROM numbers ORDER BY n");
}

inline void insert(SqliteDatabase& database, int n) {
  database.write("test", [n](SqliteConnection& connection) {
    connection.run("INSERT INTO numbers (n) VALUES (?1)", n);
  });
}

// Runs `work` in `count` concurrent threads.
inline void in_threads(int count, const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&work, i] { work(i); });
  for (std::thread& thread : threads) thread.join();
}

class SqliteDatabaseTest : public testing::Test {
 protected:
  std::string path(const std::string& name = "test.db") const { return directory_ / name; }

  std::unique_ptr<SqliteDatabase> open(const SqliteSchema& schema = kSchema) const {
    return std::make_unique<SqliteDatabase>(path(), schema);
  }

  // Why `action` is unavailable; "" when it is not.
  static std::string failure(const std::function<void()>& action) {
    try {
      action();
      return "";
    } catch (const Unavailable& error) {
      return error.what();
    }
  }

  // Why the file can't be opened; "" when it can.
  std::string refusal(const SqliteSchema& schema = kSchema) const {
    return failure([&] { open(schema); });
  }

  // A connection of another program: without our settings, and without waiting for locks.
  SQLite::Database foreign() const {
    return {path(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
  }

  std::string content() const {
    std::ostringstream content;
    content << std::ifstream(path(), std::ios::binary).rdbuf();
    return content.str();
  }

  void overwrite(const std::string& content) const {
    std::ofstream(path(), std::ios::binary) << content;
  }

  const tests::TemporaryDirectory directory_;
};

}  // namespace common

#endif  // COMMON_STORAGE_SQLITE_FIXTURE_H_
