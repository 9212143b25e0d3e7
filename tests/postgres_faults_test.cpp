// Both programs on a PostgreSQL server in trouble. They say so in time (503, and not ready), stay
// alive, write nothing in part, keep what they confirmed, and recover by themselves.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "common/storage/postgres_connection.h"
#include "tests/support/forwarder.h"
#include "tests/support/postgres_server.h"
#include "tests/support/storage_faults_fixture.h"

namespace tests {
namespace {

using std::chrono::steady_clock;

// They share a server of their own, which each leaves as it was.
PostgresServer& server() {
  static PostgresServer server;
  return server;
}

class PostgresFaults : public StorageFaultsFixture {
 protected:
  std::string database_url() const override {
    std::string url = direct_;
    const std::string port = std::to_string(server().port());
    return url.replace(url.find(port), port.size(), std::to_string(network_.port()));
  }
  std::string location() const override { return database_url(); }

  // During the trouble: every request gets 503, the probes tell, and threads and memory stay.
  void expect_trouble(bool reads_fail = true) {
    const long threads = process_->status("Threads");
    const long memory_kb = process_->status("VmRSS");
    std::vector<std::thread> callers;
    for (int i = 0; i < 24; ++i) {
      callers.emplace_back([this, i, reads_fail] {
        const bool writes = !reads_fail || i % 2 == 0;
        const auto taken = taken_by(
            [&] { expect_unavailable(writes ? post("lost" + std::to_string(i)) : list()); });
        EXPECT_LT(taken, 2 * kInTime);
      });
    }
    std::atomic<bool> ended = false;
    for (int i = 0; i < 6; ++i) {
      callers.emplace_back([this, &ended] {
        while (!ended) EXPECT_NE(status(probe("/readyz")), 0) << "no response in time";
      });
    }
    EXPECT_TRUE(eventually([this] { return !is_ready(); }));
    expect_not_ready();
    const auto taken = taken_by([this] {
      for (int i = 0; i < 20; ++i) expect_status(probe("/livez"), 200);
    });
    EXPECT_LT(taken, kInTime);
    ended = true;
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(process_->status("Threads"), threads);
    EXPECT_LT(process_->status("VmRSS"), memory_kb + kSlowdown * 64 * 1024);
  }

  // The one with what is listed.
  static const char* table() { return GetParam().list_path + 1; }

  const std::string direct_ = server().create_database();
  Forwarder network_{server().port()};
};

TEST_P(PostgresFaults, WithoutAServerTheStartFailsWithAReason) {
  server().stop();
  start(GetParam().binary);
  EXPECT_EQ(process_->wait(), 1);
  EXPECT_NE(process_->log().find(location()), std::string::npos) << process_->log();
  server().start();
}

TEST_P(PostgresFaults, AStoppedServerIsUsedAgainWhenItIsBack) {
  start_and_write();
  server().stop();
  expect_trouble();
  server().start();
  expect_recovery({"before"});
}

TEST_P(PostgresFaults, AServerThatHangsGets503) {
  start_and_write();
  server().pause();
  expect_trouble();
  server().resume();
  expect_recovery({"before"});
}

TEST_P(PostgresFaults, AReadOnlyServerGets503) {
  start_and_write();
  const std::string admin = server().url("postgres");
  PostgresServer::execute(admin, "ALTER SYSTEM SET default_transaction_read_only = on");
  PostgresServer::execute(admin, "SELECT pg_reload_conf()");
  EXPECT_TRUE(eventually([this] { return !is_ready(); }));
  expect_trouble();
  PostgresServer::execute(admin, "ALTER SYSTEM RESET default_transaction_read_only");
  PostgresServer::execute(admin, "SELECT pg_reload_conf()");
  expect_recovery({"before"});
}

// A transaction of another program.
class OpenTransaction {
 public:
  OpenTransaction(const std::string& url, const std::string& sql)
      : session_([url, sql] {
          try {
            PostgresServer::execute(url, sql + "; SELECT pg_sleep(600)");
          } catch (const std::runtime_error&) {  // was ended
          }
        }),
        url_(url) {
    EXPECT_TRUE(eventually([this] { return PostgresServer::query(url_, count()) == "1"; }));
  }
  ~OpenTransaction() {
    PostgresServer::execute(url_, "SELECT pg_terminate_backend(pid) FROM (" + pids() + ") AS p");
    session_.join();
  }
  OpenTransaction(const OpenTransaction&) = delete;
  OpenTransaction& operator=(const OpenTransaction&) = delete;

 private:
  static std::string pids() {
    return "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND "
           "wait_event = 'PgSleep'";
  }
  static std::string count() { return "SELECT count(*) FROM (" + pids() + ") AS p"; }

  std::thread session_;
  const std::string url_;
};

TEST_P(PostgresFaults, ALockedTableGets503) {
  start_and_write();
  {
    const OpenTransaction other(direct_, std::string("LOCK TABLE ") + table());
    expect_trouble();
  }
  expect_recovery({"before"});
}

TEST_P(PostgresFaults, ATableLockedForWritesIsRead) {
  start_and_write();
  {
    const OpenTransaction other(direct_, std::string("LOCK TABLE ") + table() + " IN SHARE MODE");
    expect_trouble(false);
    EXPECT_EQ(ids(), Ids{"before"});
  }
  expect_recovery({"before"});
}

TEST_P(PostgresFaults, AServerWithoutFreeConnectionsGets503) {
  start_and_write();
  const std::string database = direct_.substr(direct_.rfind('/') + 1);
  std::vector<std::unique_ptr<common::PostgresConnection>> others;
  // Others get the connections that the program loses.
  EXPECT_TRUE(eventually([&] {
    const common::PostgresParameters parameters(server().url("postgres"));
    try {
      while (true) others.push_back(std::make_unique<common::PostgresConnection>(parameters));
    } catch (const common::PostgresError&) {
    }
    others[0]->set_deadline(steady_clock::now() + kPatience);
    return others[0]
               ->run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
                     database)
               .size() == 0;
  }));
  expect_trouble();
  others.clear();
  expect_recovery({"before"});
}

TEST_P(PostgresFaults, ACutNetworkGets503) {
  start_and_write();
  network_.cut();
  expect_trouble();
  network_.restore();
  expect_recovery({"before"});
}

// What was confirmed is there. What got no confirmation may be there, as a whole.
TEST_P(PostgresFaults, KeepsWhatItConfirmedWhenTheServerIsKilledUnderLoad) {
  start_and_write();
  std::atomic<bool> ended = false;
  std::atomic<int> confirmations = 0;
  std::vector<Ids> confirmed(4);
  std::vector<std::thread> writers;
  for (std::size_t writer = 0; writer < confirmed.size(); ++writer) {
    writers.emplace_back([this, &ended, &confirmations, &ids = confirmed[writer], writer] {
      for (int i = 0; !ended; ++i) {
        const std::string id = std::to_string(writer) + "-" + std::to_string(i);
        if (!write(id)) continue;
        ids.push_back(id);
        ++confirmations;
      }
    });
  }
  constexpr int kUnderLoad = 100;
  for (int i = 0; i < 3; ++i) {
    const int before = confirmations;
    EXPECT_TRUE(eventually([&] { return confirmations > before + kUnderLoad; }));
    server().kill();
    server().start();
  }
  EXPECT_TRUE(eventually([this] { return is_ready(); }));
  ended = true;
  for (std::thread& writer : writers) writer.join();

  Ids stored = ids();
  std::sort(stored.begin(), stored.end());
  EXPECT_EQ(std::adjacent_find(stored.begin(), stored.end()), stored.end());
  for (const Ids& written : confirmed) {
    EXPECT_FALSE(written.empty());
    for (const std::string& id : written) {
      EXPECT_TRUE(std::binary_search(stored.begin(), stored.end(), id)) << id;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Programs, PostgresFaults, testing::Values(kInvoiceApp, kPaymentProvider),
                         name_of);

}  // namespace
}  // namespace tests
