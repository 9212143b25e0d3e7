// PostgresDatabase on servers in trouble: every failure is Unavailable, in time, and never looks
// like success. It recovers by itself.

#include <barrier>
#include <memory>

#include "common/storage/postgres_fixture.h"
#include "tests/support/sockets.h"

namespace common {
namespace {

using std::chrono::seconds;

// They share a server of their own, which each leaves as it was.
PostgresServer& server() {
  static PostgresServer server;
  return server;
}

class PostgresFaultsTest : public testing::Test {
 protected:
  void expect_recovery() {
    EXPECT_TRUE(eventually([&] { return failure([&] { database_.check(); }).empty(); }));
    insert(database_, ++last_);
    const Numbers numbers = all(database_);
    ASSERT_FALSE(numbers.empty());
    EXPECT_EQ(numbers.back(), last_);
  }
  void expect_no_reads_and_writes() {
    in_threads(2, [&](int i) {
      expect_unavailable([&] { i == 0 ? insert(database_, 1) : void(all(database_)); });
    });
  }

  const std::string url_ = server().create_database();
  PostgresDatabase database_{url_, kTestSchema};
  std::int64_t last_ = 1000;
};

TEST_F(PostgresFaultsTest, NoticesNothingWhenTheServerRestartsBetweenTransactions) {
  insert(database_, 1);
  server().kill();
  server().start();
  insert(database_, 2);
  server().stop();
  server().start();
  EXPECT_EQ(all(database_), (Numbers{1, 2}));
}

TEST_F(PostgresFaultsTest, IsUnavailableWhileTheServerIsDown) {
  server().stop();
  expect_no_reads_and_writes();
  server().start();
  EXPECT_EQ(all(database_), Numbers{});
  expect_recovery();
}

TEST_F(PostgresFaultsTest, IsUnavailableWhileTheServerHangs) {
  insert(database_, 1);
  server().pause();
  // Connecting may begin late, and has a limit of its own.
  in_threads(12, [&](int i) {
    expect_unavailable([&] { i % 2 == 0 ? insert(database_, 2) : void(all(database_)); },
                       kLongestLockWait + seconds(2));
  });
  server().resume();
  EXPECT_EQ(all(database_), Numbers{1});
  expect_recovery();
}

TEST_F(PostgresFaultsTest, CommitsWithoutAResponseFailAndCountAsUsedConnections) {
  constexpr int kConnections = 8;
  std::barrier inserted(kConnections, [&]() noexcept { server().pause(); });
  in_threads(kConnections, [&](int i) {
    expect_unavailable([&] {
      database_.write("test", [&](PostgresConnection& connection) {
        connection.run("INSERT INTO numbers (n) VALUES ($1)", std::int64_t{i});
        inserted.arrive_and_wait();
      });
    });
  });
  const std::string message = expect_unavailable([&] { all(database_); });
  EXPECT_NE(message.find("in use"), std::string::npos) << message;
  server().resume();
  expect_recovery();
  EXPECT_TRUE(eventually(  // those that were closed end a bit later
      [&] { return connections(url_, "backend_type = 'client backend'") <= kConnections; }));
}

// A commit that waits for a standby.
class PostgresWaitingCommitTest : public PostgresFaultsTest {
 protected:
  PostgresWaitingCommitTest() { set(server(), "synchronous_standby_names", "nobody"); }
  ~PostgresWaitingCommitTest() override { set(server(), "synchronous_standby_names", ""); }

  static constexpr const char* kWaits = "wait_event = 'SyncRep'";
  // Why an insertion fails whose commit is disturbed while it waits.
  std::string failure_when(const std::string& function) {
    std::string message;
    std::thread writer([&] { message = expect_unavailable([&] { insert(database_, 1); }); });
    EXPECT_TRUE(eventually([&] { return connections(url_, kWaits) == 1; }));
    signal_connections(url_, function, kWaits);
    writer.join();
    return message;
  }
};

TEST_F(PostgresWaitingCommitTest, FailsInTimeAndEndsWhenTheStandbyIsThere) {
  expect_unavailable([&] { insert(database_, 1); });
  EXPECT_EQ(connections(url_, kWaits), 1);
  EXPECT_EQ(all(database_), Numbers{});
  set(server(), "synchronous_standby_names", "");
  EXPECT_TRUE(eventually([&] { return all(database_) == Numbers{1}; }));
  expect_recovery();
}

TEST_F(PostgresWaitingCommitTest, FailsWhenTheConnectionEnds) {
  EXPECT_NE(failure_when("pg_terminate_backend"), "");
  set(server(), "synchronous_standby_names", "");
  expect_recovery();
}

TEST_F(PostgresWaitingCommitTest, FailsWhenTheWaitIsCancelled) {
  const std::string message = failure_when("pg_cancel_backend");
  EXPECT_NE(message.find("standbys"), std::string::npos) << message;
}

TEST_F(PostgresWaitingCommitTest, FailsWhenTheWaitIsCancelledAndWarningsAreOff) {
  PostgresServer::execute(url_,
                          "DO $$ BEGIN SET LOCAL synchronous_commit = local; EXECUTE "
                          "format('ALTER DATABASE %I SET client_min_messages = error', "
                          "current_database()); END $$");
  signal_connections(url_, "pg_terminate_backend");
  EXPECT_NE(failure_when("pg_cancel_backend"), "");
}

TEST_F(PostgresWaitingCommitTest, IsForgottenAfterAWhile) {
  PostgresDatabase other(url_, kTestSchema, {.longest_doubt = std::chrono::seconds(1)});
  in_threads(8, [&](int i) { expect_unavailable([&] { insert(other, i); }); });
  EXPECT_EQ(all(other), Numbers{});
}

TEST_F(PostgresFaultsTest, RefusesToStartWithoutDurableCommits) {
  for (const char* value : {"off", "local"}) {
    const std::string url = server().create_database();
    const std::string name = url.substr(url.rfind('/') + 1);
    const std::string role = std::string("role_") + value;
    PostgresServer::execute(url, "CREATE ROLE " + role + " LOGIN SUPERUSER; ALTER ROLE " + role +
                                     " SET synchronous_commit = " + value);
    std::string as_role = url;
    as_role.replace(as_role.find("postgres@"), 8, role);
    set(server(), "synchronous_commit", value);
    const auto expect_refusal = [&](const std::string& refused) {
      const std::string message = failure([&] { PostgresDatabase(refused, kTestSchema); });
      EXPECT_NE(message.find(std::string("synchronous_commit is ") + value), std::string::npos)
          << message;
    };
    expect_refusal(url);
    set(server(), "synchronous_commit", "");
    expect_refusal(as_role);
    PostgresServer::execute(url, "ALTER DATABASE " + name + " SET synchronous_commit = " + value);
    expect_refusal(url);
    // It has touched nothing.
    EXPECT_EQ(PostgresServer::query(url, "SELECT to_regclass('schema_version')"), "");
  }
}

TEST_F(PostgresFaultsTest, IsUnavailableWhenCommitsStopBeingDurable) {
  insert(database_, 1);
  set(server(), "synchronous_commit", "off");
  EXPECT_NE(failure([&] { insert(database_, 2); }), "");
  EXPECT_NE(failure([&] { database_.check(); }), "");
  set(server(), "synchronous_commit", "");
  EXPECT_EQ(all(database_), Numbers{1});
  expect_recovery();
}

TEST_F(PostgresFaultsTest, FailsWhenCommitsStopBeingDurableDuringATransaction) {
  expect_unavailable([&] {
    database_.write("test", [&](PostgresConnection& connection) {
      connection.run("INSERT INTO numbers (n) VALUES (1)");
      set(server(), "synchronous_commit", "off");
    });
  });
  set(server(), "synchronous_commit", "");
  expect_recovery();
}

TEST_F(PostgresFaultsTest, IsUnavailableWhileTheServerIsReadOnly) {
  insert(database_, 1);
  set(server(), "default_transaction_read_only", "on");
  expect_no_reads_and_writes();
  set(server(), "default_transaction_read_only", "");
  expect_recovery();
}

TEST_F(PostgresFaultsTest, IsUnavailableWithoutFreeConnections) {
  insert(database_, 1);
  signal_connections(url_, "pg_terminate_backend");
  const PostgresParameters parameters(url_);
  std::vector<std::unique_ptr<PostgresConnection>> others;
  try {
    while (others.size() < 200) others.push_back(std::make_unique<PostgresConnection>(parameters));
    ADD_FAILURE() << "the server has no limit";
  } catch (const PostgresError&) {
  }
  expect_no_reads_and_writes();
  others.clear();
  expect_recovery();
}

TEST_F(PostgresFaultsTest, TakesTheFirstServerThatCanWrite) {
  PostgresServer standby;
  const tests::ReservedPort dead;
  const std::string database = url_.substr(url_.rfind('/') + 1);
  PostgresServer::execute(standby.url("postgres"), "CREATE DATABASE " + database);
  set(standby, "default_transaction_read_only", "on");
  const auto url_with_first = [&](int port) {
    return "postgresql://postgres@127.0.0.1:" + std::to_string(port) +
           ",127.0.0.1:" + std::to_string(server().port()) + "/" + database;
  };
  for (const int first : {dead.number(), standby.port()}) {
    PostgresDatabase other(url_with_first(first), kTestSchema);
    insert(other, first);
    EXPECT_EQ(all(other).size(), all(database_).size());
  }
}

// Two machines without power, and a third one: connecting takes longer than a transaction may.
TEST_F(PostgresFaultsTest, RecoversAlthoughConnectingTakesLong) {
  const tests::Listener silent;
  const std::string hosts = "127.0.0.1:" + std::to_string(silent.port()) + ",";
  PostgresDatabase other("postgresql://postgres@" + hosts + hosts + "127.0.0.1:" +
                             std::to_string(server().port()) + url_.substr(url_.rfind('/')),
                         kTestSchema);
  insert(other, 1);
  EXPECT_EQ(all(database_), Numbers{1});
}

TEST_F(PostgresFaultsTest, SurvivesARestartOfPgBouncer) {
  auto bouncer = std::make_unique<tests::PgBouncer>(server());
  PostgresDatabase through(bouncer->url(url_), kTestSchema);
  insert(through, 1);
  bouncer->stop();
  expect_unavailable([&] { insert(through, 2); });
  bouncer->start();
  insert(through, 3);
  EXPECT_EQ(all(through), (Numbers{1, 3}));
}

}  // namespace
}  // namespace common
