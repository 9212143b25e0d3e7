#include "tests/support/postgres_cluster.h"

#include <sys/types.h>

#include <csignal>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "tests/support/eventually.h"

namespace tests {
namespace {

PostgresSettings settings_of(PostgresCluster::Replication replication) {
  const bool is_quorum = replication == PostgresCluster::Replication::kQuorum;
  return {{"synchronous_standby_names", is_quorum ? "ANY 1 (server0, server1, server2)" : ""},
          {"synchronous_commit", "on"},
          // Standbys look for their primary this often.
          {"wal_retrieve_retry_interval", "100ms"},
          // A standby that was away finds what it has missed.
          {"wal_keep_size", "512MB"}};
}

std::unique_ptr<PostgresServer> start(PostgresSettings settings, std::size_t number,
                                      const PostgresServer* primary) {
  // Standbys introduce themselves with this name.
  settings["cluster_name"] = "server" + std::to_string(number);
  return primary == nullptr ? std::make_unique<PostgresServer>(std::move(settings))
                            : std::make_unique<PostgresServer>(std::move(settings), *primary);
}

// The end of the WAL that a standby has, in bytes.
long long received(const PostgresServer& standby) {
  return std::stoll(PostgresServer::query(
      standby.url("postgres"),
      "SELECT GREATEST(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'"));
}

bool is_receiving(const PostgresServer& standby) {
  return PostgresServer::query(standby.url("postgres"),
                               "SELECT 1 FROM pg_stat_wal_receiver WHERE status = 'streaming'") ==
         "1";
}

// Not in one transaction, which ALTER SYSTEM does not accept.
void follow(const PostgresServer& standby, const PostgresServer& primary) {
  const std::string url = standby.url("postgres");
  PostgresServer::execute(url,
                          "ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 user=postgres "
                          "port=" +
                              std::to_string(primary.port()) + "'");
  PostgresServer::execute(url, "SELECT pg_reload_conf()");
}

constexpr const char* kRandomSession =
    " FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() "
    "ORDER BY random() LIMIT 1";

void require(bool condition, const std::string& failure) {
  if (!condition) throw std::runtime_error("PostgreSQL cluster: " + failure);
}

}  // namespace

PostgresCluster::PostgresCluster(Replication replication) : settings_(settings_of(replication)) {
  // Before there is a standby, nothing is committed.
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    servers_.at(i) = start(settings_, i, i == primary_ ? nullptr : &primary());
  }
  await_standbys(2);
}

std::string PostgresCluster::create_database() {
  if (databases_ > 0) query("DROP DATABASE trial" + std::to_string(databases_) + " WITH (FORCE)");
  std::string name = "trial" + std::to_string(++databases_);
  query("CREATE DATABASE " + name);
  await_standbys(2);  // a client asks them first, and gives up if one does not have its database
  return name;
}

std::string PostgresCluster::query(const std::string& database, const std::string& search_path,
                                   const std::string& sql) const {
  return PostgresServer::query(primary().url(database) + "?options=-csearch_path%3D" + search_path,
                               sql);
}

std::string PostgresCluster::url(const std::string& database,
                                 const std::string& search_path) const {
  std::string hosts;
  for (const auto& server : servers_) {
    hosts.append(hosts.empty() ? "" : ",").append("127.0.0.1:" + std::to_string(server->port()));
  }
  return "postgresql://postgres@" + hosts + "/" + database + "?options=-csearch_path%3D" +
         search_path;
}

void PostgresCluster::end_session() {
  query("SELECT pg_terminate_backend(pid)" + std::string(kRandomSession));
  await_standbys(1);
}

void PostgresCluster::kill_session() {
  const std::string now = query("SELECT clock_timestamp()");
  const std::string session = query("SELECT pid" + std::string(kRandomSession));
  if (session.empty() || ::kill(std::stoi(session), SIGKILL) != 0) return;
  await_standbys(1, now);
}

void PostgresCluster::kill_primary() { primary().kill(); }

void PostgresCluster::promote() {
  old_primary_ = primary_;
  std::size_t next = (old_primary_ + 1) % servers_.size();
  std::size_t other = (old_primary_ + 2) % servers_.size();
  // Not before they have written all that they got: what the primary has confirmed is on the one
  // that has more.
  require(eventually([&] {
            return !is_receiving(*servers_.at(next)) && !is_receiving(*servers_.at(other));
          }),
          "a standby still gets data from a dead primary");
  if (received(*servers_.at(other)) > received(*servers_.at(next))) std::swap(next, other);
  primary_ = next;
  follow(*servers_.at(other), primary());
  require(query("SELECT pg_promote()") == "t", "a standby can't be promoted");
  if (have_standbys(1, "-infinity", std::chrono::seconds(10))) return;
  // Seen once in a hundred failovers: it is connected, and stays where it is. An operator would do
  // the same.
  std::cerr << "PostgreSQL cluster: server" << other
            << " does not follow, and gets a copy: " << replication() << std::endl;
  servers_.at(other)->kill();
  servers_.at(other)->start_as_standby(primary());
  await_standbys(1);
}

void PostgresCluster::rejoin() {
  servers_.at(old_primary_)->start_as_standby(primary());
  await_standbys(2);
}

void PostgresCluster::hold_replication() {
  await_standbys(2);
  std::istringstream senders(query("SELECT string_agg(pid::TEXT, ' ') FROM pg_stat_replication"));
  for (pid_t sender = 0; senders >> sender;) ::kill(sender, SIGSTOP);
}

void PostgresCluster::keep(const std::filesystem::path& directory) {
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    servers_.at(i)->kill_and_move(directory /
                                  ((i == primary_ ? "primary" : "standby") + std::to_string(i)));
  }
}

void PostgresCluster::await_standbys(int count, const std::string& after) const {
  if (have_standbys(count, after, kPatience)) return;
  throw std::runtime_error("PostgreSQL cluster: the standbys do not follow: " + replication());
}

bool PostgresCluster::have_standbys(int count, const std::string& after,
                                    std::chrono::seconds patience) const {
  std::string position;
  return eventually(
      [&] {
        try {
          if (position.empty()) position = query("SELECT pg_current_wal_flush_lsn()");
          return std::stoi(query("SELECT count(*) FROM pg_stat_replication "
                                 "WHERE state = 'streaming' AND application_name LIKE 'server_' "
                                 "AND replay_lsn >= '" +
                                 position + "' AND backend_start >= '" + after + "'")) >= count;
        } catch (const std::runtime_error&) {  // it recovers
          return false;
        }
      },
      patience);
}

std::string PostgresCluster::replication() const {
  return query(
      "SELECT concat(pg_current_wal_flush_lsn(), ' ', json_agg(pg_stat_replication)) "
      "FROM pg_stat_replication");
}

}  // namespace tests
