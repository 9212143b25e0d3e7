// A primary and two standbys of PostgreSQL, and their failover.
//
// Not thread-safe. Everything has a deadline; std::runtime_error if a server misses it.

#ifndef TESTS_SUPPORT_POSTGRES_CLUSTER_H_
#define TESTS_SUPPORT_POSTGRES_CLUSTER_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

#include "tests/support/postgres_server.h"

namespace tests {

class PostgresCluster {
 public:
  enum class Replication {
    kQuorum,        // the primary confirms a commit when it and any one standby have written it
    kAsynchronous,  // the primary does not wait: a failover loses what no standby has
  };

  // Starts the servers: after a few seconds.
  explicit PostgresCluster(Replication replication);

  // The SQL goes to the primary.
  // Makes a new database, returns its name, and drops the one that this made before.
  std::string create_database();
  std::string query(const std::string& database, const std::string& search_path,
                    const std::string& sql) const;
  // The URL for clients: with all servers, of which they use the primary.
  std::string url(const std::string& database, const std::string& search_path) const;

  // Ends a random client's session: by its server, as an administrator does, ...
  void end_session();
  // ... or with SIGKILL. Then the server ends all sessions and recovers. Both return when a standby
  // has all commits: a commit that was waiting for a standby is visible already.
  void kill_session();

  // SIGKILL to the primary and all of its processes.
  void kill_primary();
  // After kill_primary(): promotes the standby that has more, and lets the other follow it. If the
  // other does not, it gets a copy, and a line on standard error says so. Returns when the new
  // primary can commit.
  void promote();
  // After promote(): the old primary becomes a standby. It gets a copy of the new primary, because
  // it may have commits that no standby has got. Returns when both standbys have all commits.
  void rejoin();

  // The standbys have all commits, and from now on get nothing more from this primary.
  void hold_replication();

  // Moves the data and logs of all servers to this directory, for people who look for the cause of
  // a failure. The cluster can't be used any more.
  void keep(const std::filesystem::path& directory);

 private:
  PostgresServer& primary() const { return *servers_.at(primary_); }
  std::string query(const std::string& sql) const { return query("postgres", "public", sql); }
  // Waits until so many standbys have all commits, with sessions that began after this time.
  void await_standbys(int count, const std::string& after = "-infinity") const;
  bool have_standbys(int count, const std::string& after, std::chrono::seconds patience) const;
  std::string replication() const;  // for messages

  const PostgresSettings settings_;
  std::array<std::unique_ptr<PostgresServer>, 3> servers_;
  std::size_t primary_ = 0;
  std::size_t old_primary_ = 0;
  int databases_ = 0;
};

}  // namespace tests

#endif  // TESTS_SUPPORT_POSTGRES_CLUSTER_H_
