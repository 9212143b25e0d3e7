// PostgreSQL servers for tests, and PgBouncer in front of one. They run as processes with temporary
// data, on ports of their own.
//
// Not thread-safe, except the static functions. Starting and ending have a deadline. When a server
// misses it, they throw std::runtime_error with the end of its log in it.
//
// The processes die with the thread that started them (Linux only), so also when the test is
// killed. A paused server is an exception: it stays stopped in memory.

#ifndef TESTS_SUPPORT_POSTGRES_SERVER_H_
#define TESTS_SUPPORT_POSTGRES_SERVER_H_

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/reserved_port.h"
#include "tests/support/temporary_directory.h"

namespace tests {

using PostgresSettings = std::map<std::string, std::string>;  // as in postgresql.conf

class PostgresServer {
 public:
  // Starts a server with new data, and returns when it accepts connections: after about a second.
  // fsync is off unless the settings turn it on.
  explicit PostgresServer(PostgresSettings settings = {});
  // Starts a standby: its data are a copy of the primary's, and it follows the primary.
  PostgresServer(PostgresSettings settings, const PostgresServer& primary);
  ~PostgresServer();  // kills
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // Makes a new, empty database, and returns its URL.
  std::string create_database();
  std::string url(const std::string& database) const;
  int port() const { return port_.number(); }

  // Runs SQL over a new connection, and waits for the reply. Does not use the code under test.
  // Several statements are one transaction. Throws std::runtime_error if the server can't be
  // reached or rejects the SQL.
  static void execute(const std::string& url, const std::string& sql);
  // The same; the first column of the first row, or "" if there is none or it is null.
  static std::string query(const std::string& url, const std::string& sql);

  void stop();  // gracefully, but ends the clients' connections
  void kill();  // the server and all processes of its connections, with SIGKILL
  // Starts a stopped or killed server again, with its port and its data.
  void start();
  // Starts a killed server again as a standby, with its port and a copy of the primary's data.
  void start_as_standby(const PostgresServer& primary);

  // Stops all of its processes where they are: clients' connections stay open, without a reply.
  void pause();
  void resume();

  // Kills it and moves its data and log to this directory, from which postgres.sh starts it.
  void kill_and_move(const std::filesystem::path& directory);

  std::string log() const;

 private:
  void run(const std::vector<std::string>& options);

  const PostgresSettings settings_;
  const TemporaryDirectory directory_;
  const ReservedPort port_;
  int databases_ = 0;
  std::optional<ChildProcess> process_;
};

// A server for all tests of this process. It starts at the first call and ends with the process.
PostgresServer& shared_postgres();

// PgBouncer in transaction mode.
class PgBouncer {
 public:
  // Returns when it accepts connections. The settings are added to the section [pgbouncer].
  explicit PgBouncer(const PostgresServer& server, const PostgresSettings& settings = {});

  // The URL through PgBouncer of one of the server's databases.
  std::string url(const std::string& database_url) const;

  void stop();
  // Starts it again after a stop, on the same port.
  void start();

  std::string log() const { return process_->log(); }

 private:
  const int server_port_;
  const TemporaryDirectory directory_;
  const ReservedPort port_;
  std::optional<ChildProcess> process_;
};

}  // namespace tests

#endif  // TESTS_SUPPORT_POSTGRES_SERVER_H_
