// Transactions on a server without faults, directly and through PgBouncer.

#include "common/storage/postgres_database.h"

#include <atomic>
#include <barrier>
#include <stdexcept>

#include "common/storage/postgres_fixture.h"

namespace common {
namespace {

using std::chrono::seconds;

struct Way {
  const char* name;
  std::string (*url)(const std::string& direct);
};

std::string through_pgbouncer(const std::string& direct) {
  static const tests::PgBouncer bouncer(tests::shared_postgres());
  return bouncer.url(direct);
}

class PostgresDatabaseTest : public testing::TestWithParam<Way> {
 protected:
  // Ends all connections of the database to its server.
  void terminate_connections() const { signal_connections(direct_, "pg_terminate_backend"); }

  const std::string direct_ = tests::shared_postgres().create_database();
  PostgresDatabase database_{GetParam().url(direct_), kTestSchema};
};

TEST_P(PostgresDatabaseTest, ReturnsTheResultOfTheWork) {
  const auto insert_two = [](PostgresConnection& connection) {
    return connection.run("INSERT INTO numbers (n) VALUES ($1), ($2)", std::int64_t{1},
                          std::int64_t{2});
  };
  EXPECT_EQ(database_.write("test", insert_two).changed(), 2);
  EXPECT_EQ(all(database_), (Numbers{1, 2}));
  EXPECT_EQ(PostgresServer::query(direct_, "SELECT count(*) FROM numbers"), "2");
}

TEST_P(PostgresDatabaseTest, UndoesTheTransactionWhenTheWorkThrows) {
  const auto throw_after_insert = [](PostgresConnection& connection) {
    connection.run("INSERT INTO numbers (n) VALUES (1)");
    throw std::runtime_error("the work's own");
  };
  EXPECT_THROW(database_.write("test", throw_after_insert), std::runtime_error);
  EXPECT_EQ(all(database_), Numbers{});
  insert(database_, 1);
}

TEST_P(PostgresDatabaseTest, UndoesTheTransactionWhenAResultIsNotAsExpected) {
  const auto misread_after_insert = [](PostgresConnection& connection) {
    connection.run("INSERT INTO numbers (n) VALUES (1)");
    return connection.run("SELECT 'x'").number(0, 0);
  };
  EXPECT_NE(failure([&] { database_.write("test", misread_after_insert); }), "");
  insert(database_, 2);
  EXPECT_EQ(all(database_), Numbers{2});
}

TEST_P(PostgresDatabaseTest, ThrowsUnavailableWhenAStatementFailsAndWorksAgain) {
  insert(database_, 1);
  EXPECT_NE(failure([&] { insert(database_, 1); }), "");
  EXPECT_NE(failure([&] { numbers(database_, "SELECT x FROM missing"); }), "");
  const auto hide_failure = [](PostgresConnection& connection) {
    connection.run("INSERT INTO numbers (n) VALUES (2)");
    try {
      connection.run("NOT SQL");
    } catch (const PostgresError&) {
    }
  };
  EXPECT_NE(failure([&] { database_.write("test", hide_failure); }), "");
  EXPECT_EQ(all(database_), Numbers{1});
}

TEST_P(PostgresDatabaseTest, AReadSeesOneState) {
  database_.read([&](PostgresConnection& connection) {
    EXPECT_EQ(connection.run("SELECT n FROM numbers").size(), 0);
    PostgresServer::execute(direct_, "INSERT INTO numbers (n) VALUES (1)");
    EXPECT_EQ(connection.run("SELECT n FROM numbers").size(), 0);
  });
  EXPECT_EQ(all(database_), Numbers{1});
}

TEST_P(PostgresDatabaseTest, AWriteSeesWhatWasCommittedBeforeEachStatement) {
  database_.write("test", [&](PostgresConnection& connection) {
    EXPECT_EQ(connection.run("SELECT n FROM numbers").size(), 0);
    PostgresServer::execute(direct_, "INSERT INTO numbers (n) VALUES (1)");
    EXPECT_EQ(connection.run("SELECT n FROM numbers").size(), 1);
  });
}

TEST_P(PostgresDatabaseTest, RetriesAfterADeadlock) {
  insert(database_, 10);
  insert(database_, 20);
  std::atomic<int> attempts = 0;
  std::barrier both_have_a_lock(2);
  in_threads(2, [&](int thread) {
    bool is_first = true;
    database_.write("test", [&](PostgresConnection& connection) {
      ++attempts;
      connection.run("SET LOCAL deadlock_timeout = '20ms'");
      const char* update = "UPDATE numbers SET note = concat(note, 'x') WHERE n = $1";
      connection.run(update, std::int64_t{thread == 0 ? 10 : 20});
      if (std::exchange(is_first, false)) both_have_a_lock.arrive_and_wait();
      connection.run(update, std::int64_t{thread == 0 ? 20 : 10});
    });
  });
  EXPECT_GE(attempts, 3);  // more if the retry is faster than the transaction that could go on
  EXPECT_EQ(numbers(database_, "SELECT length(note) FROM numbers"), (Numbers{2, 2}));
}

TEST_P(PostgresDatabaseTest, RetriesAfterAConflictInTheCommit) {
  PostgresServer::execute(
      direct_,
      "CREATE SEQUENCE commits;"
      "CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "IF nextval('commits') = 1 THEN RAISE 'conflict' USING ERRCODE = '40001'; END IF; "
      "RETURN NULL; END $$;"
      "CREATE CONSTRAINT TRIGGER fails AFTER INSERT ON numbers DEFERRABLE INITIALLY DEFERRED "
      "FOR EACH ROW EXECUTE FUNCTION fail_once()");
  insert(database_, 1);
  EXPECT_EQ(all(database_), Numbers{1});
  EXPECT_EQ(PostgresServer::query(direct_, "SELECT nextval('commits')"), "3");
}

TEST_P(PostgresDatabaseTest, GivesUpInTimeWhenEachAttemptHasAConflict) {
  int attempts = 0;
  expect_unavailable([&] {
    database_.write("test", [&](PostgresConnection& connection) {
      ++attempts;
      connection.run("DO $$ BEGIN RAISE 'conflict' USING ERRCODE = '40001'; END $$");
    });
  });
  EXPECT_GT(attempts, 3);
}

TEST_P(PostgresDatabaseTest, EndsSlowStatementsAndWaitsForLocksInTime) {
  insert(database_, 1);
  PostgresServer::execute(direct_, "CREATE TABLE locked (n BIGINT)");
  PostgresConnection other{PostgresParameters(direct_)};
  const auto now = std::chrono::steady_clock::now();
  other.set_deadline(now + seconds(60));
  other.run_all("BEGIN; UPDATE numbers SET note = 'theirs'; LOCK TABLE locked");
  const char* const statements[] = {"SELECT pg_sleep(60)", "UPDATE numbers SET note = 'ours'",
                                    "SELECT n FROM locked"};
  in_threads(3, [&](int i) {
    const std::string message = expect_unavailable([&] {
      database_.write("test", [&](PostgresConnection& connection) {
        connection.run("INSERT INTO numbers (n) VALUES ($1)", std::int64_t{100 + i});
        connection.run(statements[i]);
      });
    });
    // The second if this machine stalls: the client then gives up before it reads the first.
    EXPECT_TRUE(message.find("statement timeout") != std::string::npos ||
                message.find("no response in time") != std::string::npos)
        << message;
  });
  EXPECT_GE(std::chrono::steady_clock::now() - now, kLongestLockWait - seconds(1));
  other.run_all("ROLLBACK");
  EXPECT_EQ(all(database_), Numbers{1});
  insert(database_, 2);
}

// Whatever lock_timeout the role or the database has.
TEST_P(PostgresDatabaseTest, WaitsForALockThatIsHeldForAShortTime) {
  PostgresServer::execute(direct_, "ALTER DATABASE " + direct_.substr(direct_.rfind('/') + 1) +
                                       " SET lock_timeout = 1");
  insert(database_, 1);
  PostgresConnection other{PostgresParameters(direct_)};
  other.begin(PostgresConnection::Access::kWrite, std::chrono::steady_clock::now() + seconds(60),
              seconds(60));
  other.run("UPDATE numbers SET n = 2");
  std::thread writer([this] {
    PostgresDatabase database(GetParam().url(direct_), kTestSchema);
    database.write("test", [](PostgresConnection& connection) {
      EXPECT_EQ(connection.run("UPDATE numbers SET n = n + 1").changed(), 1);
    });
  });
  EXPECT_TRUE(tests::eventually([this] {
    return PostgresServer::query(direct_, "SELECT count(*) FROM pg_locks WHERE NOT granted") != "0";
  }));
  other.commit(PostgresConnection::Access::kWrite, "test",
               std::chrono::steady_clock::now() + seconds(60));
  writer.join();
  EXPECT_EQ(all(database_), Numbers{3});
}

TEST_P(PostgresDatabaseTest, ReconnectsWhenConnectionsEndedBetweenTransactions) {
  for (int n = 1; n <= 3; ++n) {
    terminate_connections();
    insert(database_, n);
    terminate_connections();
    EXPECT_EQ(all(database_).size(), static_cast<std::size_t>(n));
  }
}

TEST_P(PostgresDatabaseTest, RetriesWhenTheConnectionEndsDuringTheWork) {
  int attempts = 0;
  const auto insert_and_end = [&](PostgresConnection& connection) {
    connection.run("INSERT INTO numbers (n) VALUES (1)");
    if (++attempts == 1) terminate_connections();
    connection.run("INSERT INTO numbers (n) VALUES (2)");
  };
  database_.write("test", insert_and_end);
  EXPECT_EQ(attempts, 2);
  EXPECT_EQ(all(database_), (Numbers{1, 2}));
}

TEST_P(PostgresDatabaseTest, OpensFewConnectionsForManyThreads) {
  in_threads(32, [&](int i) { insert(database_, i); });
  EXPECT_EQ(all(database_).size(), 32U);
  EXPECT_LE(connections(direct_, "backend_type = 'client backend'"), 8);
}

TEST_P(PostgresDatabaseTest, HasTheClockOfTheServer) {
  insert(database_, 1);
  const auto server = std::stoll(PostgresServer::query(
      direct_, "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::BIGINT"));
  EXPECT_NEAR(static_cast<double>(database_.clock().now().time_since_epoch().count()),
              static_cast<double>(server), 30'000);
}

constexpr Way kDirect{"Direct", [](const std::string& direct) { return direct; }};
constexpr Way kPgBouncer{"PgBouncer", through_pgbouncer};

std::string name_of(const testing::TestParamInfo<Way>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Ways, PostgresDatabaseTest, testing::Values(kDirect, kPgBouncer), name_of);

}  // namespace
}  // namespace common
