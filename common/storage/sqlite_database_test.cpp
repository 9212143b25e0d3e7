#include "common/storage/sqlite_database.h"

#include <SQLiteCpp/Exception.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/storage/sqlite_fixture.h"

namespace common {
namespace {

TEST_F(SqliteDatabaseTest, RefusesFilesThatAreNoDatabasesAndLeavesThemAsTheyAre) {
  for (const std::string& garbage :
       {std::string("garbage"), std::string(100'000, 'x'), std::string(4096, '\0'),
        "SQLite format 3" + std::string(10'000, '\0')}) {
    overwrite(garbage);
    EXPECT_NE(refusal().find(path()), std::string::npos) << garbage.substr(0, 20);
    EXPECT_EQ(content(), garbage);
  }
}

TEST_F(SqliteDatabaseTest, RefusesPathsWhereNoFileCanBe) {
  EXPECT_THROW(SqliteDatabase(path("missing") + "/test.db", kSchema), Unavailable);
  EXPECT_THROW(SqliteDatabase(std::filesystem::path(path()).parent_path(), kSchema), Unavailable);
}

TEST_F(SqliteDatabaseTest, IsDurableAtEveryCommitWithoutAWal) {
  const auto database = open();
  const auto expect_settings = [](SqliteConnection& connection) {
    SQLite::Statement& journal = connection.query("PRAGMA journal_mode");
    journal.executeStep();
    EXPECT_EQ(journal.getColumn(0).getString(), "truncate");
    EXPECT_EQ(number(connection, "PRAGMA synchronous"), 2);  // FULL
    EXPECT_EQ(number(connection, "PRAGMA trusted_schema"), 0);
  };
  database->write("test", expect_settings);
  database->read(expect_settings);
}

TEST_F(SqliteDatabaseTest, TakesAFileOutOfWalMode) {
  insert(*open(), 1);
  foreign().exec("PRAGMA journal_mode = WAL");
  const auto database = open();
  insert(*database, 2);
  EXPECT_EQ(all(*database), (std::vector<int>{1, 2}));
  EXPECT_EQ(foreign().execAndGet("PRAGMA journal_mode").getString(), "delete");
}

TEST_F(SqliteDatabaseTest, KeepsWhatWasWritten) {
  insert(*open(), 1);
  insert(*open(), 2);
  EXPECT_EQ(all(*open()), (std::vector<int>{1, 2}));
}

TEST_F(SqliteDatabaseTest, ReturnsTheResultOfTheWork) {
  const auto database = open();
  EXPECT_EQ(database->write("test",
                            [](SqliteConnection& connection) {
                              return connection.run("INSERT INTO numbers (n) VALUES (?1), (?2)", 1,
                                                    2);
                            }),
            2);
  EXPECT_EQ(database->read([](SqliteConnection& connection) {
    return number(connection, "SELECT sum(n) FROM numbers");
  }),
            3);
}

TEST_F(SqliteDatabaseTest, RollsBackWhenTheWorkThrowsAndWorksAgain) {
  const auto database = open();
  const auto throw_after_insert = [](SqliteConnection& connection) {
    connection.run("INSERT INTO numbers (n) VALUES (?1)", 1);
    throw std::runtime_error("the work's own");
  };
  EXPECT_THROW(database->write("test", throw_after_insert), std::runtime_error);
  EXPECT_EQ(all(*database), std::vector<int>{});
  insert(*database, 2);
  EXPECT_EQ(all(*database), std::vector<int>{2});
}

TEST_F(SqliteDatabaseTest, ThrowsUnavailableWhenSqliteFailsAndWorksAgain) {
  const auto database = open();
  insert(*database, 1);
  const auto insert_twice = [](SqliteConnection& connection) {
    connection.run("INSERT INTO numbers (n) VALUES (?1)", 2);
    connection.run("INSERT INTO numbers (n) VALUES (?1)", 1);
  };
  EXPECT_THROW(database->write("test", insert_twice), Unavailable);
  EXPECT_THROW(numbers(*database, "SELECT x FROM missing"), Unavailable);
  EXPECT_EQ(all(*database), std::vector<int>{1});
  insert(*database, 3);
  EXPECT_EQ(all(*database), (std::vector<int>{1, 3}));
}

TEST_F(SqliteDatabaseTest, ReplacesTheConnectionOnWhichWorkFailed) {
  const auto database = open();
  const auto is_new = [](SqliteConnection& connection) {
    const bool unmarked =
        number(connection, "SELECT count(*) FROM temp.sqlite_master WHERE name = 'mark'") == 0;
    if (unmarked) connection.run_once("CREATE TEMP TABLE mark (x)");
    return unmarked;
  };
  EXPECT_TRUE(database->write("test", is_new));
  EXPECT_FALSE(database->write("test", is_new));
  const auto fail = [](SqliteConnection& /*connection*/) { throw std::runtime_error("no"); };
  EXPECT_THROW(database->write("test", fail), std::runtime_error);
  EXPECT_TRUE(database->write("test", is_new));
}

TEST_F(SqliteDatabaseTest, LetsReadersWriteNothing) {
  const auto database = open();
  EXPECT_THROW(database->read([](SqliteConnection& connection) {
    connection.run("INSERT INTO numbers (n) VALUES (1)");
  }),
               Unavailable);
  EXPECT_EQ(all(*database), std::vector<int>{});
}

TEST_F(SqliteDatabaseTest, ForgetsAQueryThatWasNotReadToItsEnd) {
  const auto database = open();
  insert(*database, 1);
  insert(*database, 2);
  const auto first = [](SqliteConnection& connection) {
    return number(connection, "SELECT n FROM numbers ORDER BY n");
  };
  EXPECT_EQ(database->read(first), 1);
  EXPECT_EQ(database->read(first), 1);
  SQLite::Database other = foreign();
  other.exec("INSERT INTO numbers (n) VALUES (3)");  // fails if the file is locked
  EXPECT_EQ(all(*database), (std::vector<int>{1, 2, 3}));
}

TEST_F(SqliteDatabaseTest, KeepsOthersFromCommittingDuringARead) {
  const auto database = open();
  SQLite::Database other = foreign();
  database->read([&other](SqliteConnection& connection) {
    EXPECT_EQ(number(connection, "SELECT count(*) FROM numbers"), 0);
    EXPECT_THROW(other.exec("INSERT INTO numbers (n) VALUES (1)"), SQLite::Exception);
    EXPECT_EQ(number(connection, "SELECT count(*) FROM numbers"), 0);
  });
  EXPECT_NO_THROW(other.exec("INSERT INTO numbers (n) VALUES (1)"));
}

TEST_F(SqliteDatabaseTest, KeepsOthersFromWritingFromTheStartOfAWrite) {
  const auto database = open();
  SQLite::Database other = foreign();
  database->write("test", [&other](SqliteConnection& /*connection*/) {
    EXPECT_THROW(other.exec("BEGIN IMMEDIATE"), SQLite::Exception);
  });
  EXPECT_NO_THROW(other.exec("BEGIN IMMEDIATE; COMMIT"));
}

TEST_F(SqliteDatabaseTest, LetsTwoOnOneFileWriteAndReadWithoutErrors) {
  constexpr int kEach = 20;
  const auto one = open();
  const auto two = open();
  const std::vector<SqliteDatabase*> databases = {one.get(), two.get()};
  insert(*one, 0);
  in_threads(4, [&](int thread) {
    SqliteDatabase& database = *databases[static_cast<std::size_t>(thread % 2)];
    for (int i = 0; i < kEach; ++i) {
      EXPECT_NO_THROW(database.write("test", [](SqliteConnection& connection) {
        const int before = number(connection, "SELECT n FROM numbers");
        connection.run("UPDATE numbers SET n = ?1", before + 1);
      }));
      EXPECT_NO_THROW(EXPECT_EQ(all(database).size(), 1U));
    }
  });
  EXPECT_EQ(all(*two), std::vector<int>{4 * kEach});
}

TEST_F(SqliteDatabaseTest, ReadsInManyThreadsAtOnce) {
  const auto database = open();
  insert(*database, 1);
  // All read concurrently, so none waits for the connection of another.
  std::atomic<int> inside = 0;
  std::promise<void> all_inside;
  const std::shared_future<void> wait = all_inside.get_future().share();
  in_threads(12, [&](int /*thread*/) {
    database->read([&](SqliteConnection& connection) {
      EXPECT_EQ(number(connection, "SELECT n FROM numbers"), 1);
      if (++inside == 12) all_inside.set_value();
      EXPECT_EQ(wait.wait_for(std::chrono::seconds(20)), std::future_status::ready);
    });
  });
  EXPECT_EQ(all(*database), std::vector<int>{1});
}

TEST_F(SqliteDatabaseTest, StopsWaitingForALockThatIsNotReleased) {
  const auto database = open();
  insert(*database, 1);
  SQLite::Database other = foreign();
  other.exec("BEGIN EXCLUSIVE");
  const auto start = std::chrono::steady_clock::now();
  auto reader = std::async(std::launch::async, [&database] { all(*database); });
  EXPECT_THROW(database->check(), Unavailable);
  EXPECT_THROW(reader.get(), Unavailable);
  EXPECT_GE(std::chrono::steady_clock::now() - start, kLongestLockWait);
  other.exec("COMMIT");
  EXPECT_NO_THROW(database->check());
  EXPECT_EQ(all(*database), std::vector<int>{1});
}

TEST_F(SqliteDatabaseTest, ChecksThatItCanBeUsedAndChangesNothing) {
  const auto database = open();
  insert(*database, 1);
  database->check();
  EXPECT_EQ(migrations(*open()), (std::vector<int>{1, 2}));
  EXPECT_EQ(all(*database), std::vector<int>{1});
}

TEST_F(SqliteDatabaseTest, FailsTheCheckWhileTheFileIsGoneAndCreatesNone) {
  const auto database = open();
  insert(*database, 1);
  std::filesystem::rename(path(), path("elsewhere"));
  EXPECT_THROW(database->check(), Unavailable);
  EXPECT_THROW(insert(*database, 2), Unavailable);
  EXPECT_FALSE(std::filesystem::exists(path()));

  std::filesystem::rename(path("elsewhere"), path());
  EXPECT_NO_THROW(database->check());
  insert(*database, 3);
  EXPECT_EQ(all(*database), (std::vector<int>{1, 3}));
}

TEST_F(SqliteDatabaseTest, FailsTheCheckWhileTheFileIsGarbage) {
  const auto database = open();
  insert(*database, 1);
  const std::string before = content();
  overwrite(std::string(before.size(), 'x'));
  EXPECT_THROW(database->check(), Unavailable);
  EXPECT_THROW(all(*database), Unavailable);
  EXPECT_THROW(insert(*database, 2), Unavailable);
  EXPECT_EQ(content(), std::string(before.size(), 'x'));

  overwrite(before);
  EXPECT_NO_THROW(database->check());
  EXPECT_EQ(all(*database), std::vector<int>{1});
}

TEST_F(SqliteDatabaseTest, FailsTheCheckWhenNoJournalCanBeWritten) {
  const auto database = open();
  std::filesystem::remove(path("test.db-journal"));
  std::filesystem::create_directory(path("test.db-journal"));
  EXPECT_THROW(database->check(), Unavailable);
  std::filesystem::remove(path("test.db-journal"));
  EXPECT_NO_THROW(database->check());
}

}  // namespace
}  // namespace common
