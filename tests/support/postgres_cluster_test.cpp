#include "tests/support/postgres_cluster.h"

#include <gtest/gtest.h>

#include <string>

namespace tests {
namespace {

using Replication = PostgresCluster::Replication;

class Numbers {
 public:
  explicit Numbers(PostgresCluster& cluster) : cluster_(cluster) {
    run("CREATE TABLE numbers (n int)");
  }

  void insert(int n) const { run("INSERT INTO numbers VALUES (" + std::to_string(n) + ")"); }
  std::string all() const { return run("SELECT string_agg(n::TEXT, ',' ORDER BY n) FROM numbers"); }

 private:
  // As clients do, which find the primary themselves.
  std::string run(const std::string& sql) const {
    return PostgresServer::query(
        cluster_.url(database_, "public") + "&target_session_attrs=read-write", sql);
  }

  PostgresCluster& cluster_;
  const std::string database_ = cluster_.create_database();
};

TEST(PostgresCluster, FailoversLoseNoCommitAndTheOldPrimaryReturns) {
  PostgresCluster cluster(Replication::kQuorum);
  const Numbers numbers(cluster);
  std::string inserted = "0";
  numbers.insert(0);
  for (int n = 1; n <= 2; ++n) {
    cluster.kill_session();
    cluster.kill_primary();
    cluster.promote();
    EXPECT_EQ(numbers.all(), inserted);
    cluster.rejoin();
    numbers.insert(n);
    inserted += ',' + std::to_string(n);
  }
}

TEST(PostgresCluster, AsynchronousStandbysLoseCommitsThatTheyDoNotHave) {
  PostgresCluster cluster(Replication::kAsynchronous);
  const Numbers numbers(cluster);
  numbers.insert(1);
  cluster.hold_replication();
  numbers.insert(2);
  EXPECT_EQ(numbers.all(), "1,2");
  cluster.kill_primary();
  cluster.promote();
  EXPECT_EQ(numbers.all(), "1");
}

}  // namespace
}  // namespace tests
