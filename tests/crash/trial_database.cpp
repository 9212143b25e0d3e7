#include "tests/crash/trial_database.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <stdexcept>
#include <utility>

namespace tests {
namespace {

class SqliteTrialDatabase final : public TrialDatabase {
 public:
  explicit SqliteTrialDatabase(std::filesystem::path directory)
      : directory_(std::move(directory)) {}

  std::string url(const std::string& tables) const override {
    return "sqlite:" + file(tables).string();
  }

  std::string query(const std::string& sql) override {
    SQLite::Database database(file("invoices"), SQLite::OPEN_READWRITE);
    database.setBusyTimeout(10'000);
    database.exec("ATTACH '" + file("payments").string() + "' AS ledger");
    SQLite::Statement statement(database, sql);
    return statement.executeStep() ? statement.getColumn(0).getString() : "";
  }

  std::string damage() override {
    for (const std::string schema : {"main", "ledger"}) {
      const std::string found = query("PRAGMA " + schema + ".integrity_check");
      if (found != "ok") return "integrity_check: " + found;
    }
    return "";
  }

 private:
  std::filesystem::path file(const std::string& tables) const {
    return directory_ / (tables + ".db");
  }

  const std::filesystem::path directory_;
};

class PostgresTrialDatabase final : public TrialDatabase {
 public:
  explicit PostgresTrialDatabase(PostgresCluster& cluster)
      : cluster_(cluster), name_(cluster.create_database()) {
    query("CREATE SCHEMA invoices; CREATE SCHEMA payments; CREATE EXTENSION amcheck SCHEMA public");
  }

  std::string url(const std::string& tables) const override { return cluster_.url(name_, tables); }

  std::string query(const std::string& sql) override {
    return cluster_.query(name_, "invoices,payments,public", sql);
  }

  std::string damage() override {
    try {
      query(
          "SELECT bt_index_check(indexrelid, TRUE) FROM pg_index JOIN pg_class ON oid = indexrelid "
          "WHERE relnamespace IN ('invoices'::regnamespace, 'payments'::regnamespace)");
      return query(
          "SELECT concat(relname, ': ', msg) FROM pg_class, LATERAL verify_heapam(pg_class.oid) "
          "WHERE relkind = 'r' "
          "AND relnamespace IN ('invoices'::regnamespace, 'payments'::regnamespace)");
    } catch (const std::runtime_error& error) {
      return error.what();
    }
  }

 private:
  PostgresCluster& cluster_;
  const std::string name_;
};

}  // namespace

std::unique_ptr<TrialDatabase> make_sqlite_database(const std::filesystem::path& directory) {
  return std::make_unique<SqliteTrialDatabase>(directory);
}

std::unique_ptr<TrialDatabase> make_postgres_database(PostgresCluster& cluster) {
  return std::make_unique<PostgresTrialDatabase>(cluster);
}

}  // namespace tests
