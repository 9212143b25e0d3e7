// Where the replicas of a trial keep invoices and payments: in two files of SQLite, or in two
// schemas of a database in a cluster of PostgreSQL.

#ifndef TESTS_CRASH_TRIAL_DATABASE_H_
#define TESTS_CRASH_TRIAL_DATABASE_H_

#include <filesystem>
#include <memory>
#include <string>

#include "tests/support/postgres_cluster.h"

namespace tests {

class TrialDatabase {
 public:
  TrialDatabase() = default;
  virtual ~TrialDatabase() = default;
  TrialDatabase(const TrialDatabase&) = delete;
  TrialDatabase& operator=(const TrialDatabase&) = delete;

  // The DATABASE_URL of a service; `tables`: "invoices" or "payments". Thread-safe.
  virtual std::string url(const std::string& tables) const = 0;

  // The SQL sees the tables of both services. Returns the first column of the first row, or "" if
  // there is none.
  virtual std::string query(const std::string& sql) = 0;

  // What the database itself finds to be damaged; "" if nothing is.
  virtual std::string damage() = 0;
};

// In `directory`.
std::unique_ptr<TrialDatabase> make_sqlite_database(const std::filesystem::path& directory);

// In a new database of the cluster, instead of that of an earlier trial.
std::unique_ptr<TrialDatabase> make_postgres_database(PostgresCluster& cluster);

}  // namespace tests

#endif  // TESTS_CRASH_TRIAL_DATABASE_H_
