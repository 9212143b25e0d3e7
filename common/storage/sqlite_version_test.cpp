// SqliteDatabase::version() and committed_version().

#include <SQLiteCpp/Exception.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/unavailable.h"
#include "common/storage/sqlite_database.h"
#include "common/storage/sqlite_fixture.h"
#include "tests/support/temporary_directory.h"

namespace common {
namespace {

class SqliteVersionTest : public testing::Test {
 protected:
  std::string path(const std::string& name = "test.db") const { return directory_ / name; }
  std::string journal() const { return path() + "-journal"; }

  std::unique_ptr<SqliteDatabase> open() const {
    return std::make_unique<SqliteDatabase>(path(), kOldSchema);
  }
  // A connection of another program: without our settings, and without waiting for locks.
  SQLite::Database foreign() const { return {path(), SQLite::OPEN_READWRITE}; }

  const tests::TemporaryDirectory directory_;
  const std::unique_ptr<SqliteDatabase> database_ = open();
};

TEST_F(SqliteVersionTest, IsUnknownUntilItWasReadInATransaction) {
  EXPECT_EQ(database_->version(), std::nullopt);
  const auto version = database_->committed_version();
  EXPECT_NE(version, std::nullopt);
  EXPECT_EQ(database_->version(), version);
}

TEST_F(SqliteVersionTest, DiffersAfterEveryCommitOfAnyProcess) {
  const auto replica = open();
  SQLite::Database other = foreign();
  auto version = database_->committed_version();
  const auto expect_new_version = [&] {
    EXPECT_NE(database_->version(), version);
    version = database_->committed_version();
    EXPECT_EQ(database_->version(), version);
    EXPECT_EQ(replica->committed_version(), version);
    EXPECT_EQ(replica->version(), version);
  };
  for (int i = 0; i < 3; ++i) {
    insert(*database_, 3 * i);
    expect_new_version();
    insert(*replica, 3 * i + 1);
    expect_new_version();
    other.exec("INSERT INTO numbers VALUES (" + std::to_string(3 * i + 2) + ")");
    expect_new_version();
  }
}

TEST_F(SqliteVersionTest, StaysWithoutACommit) {
  const auto version = database_->committed_version();
  all(*database_);
  EXPECT_THROW(database_->write("test",
                                [](SqliteConnection& connection) {
                                  connection.run("INSERT INTO numbers VALUES (1)");
                                  throw Unavailable("stop");
                                }),
               Unavailable);
  EXPECT_EQ(database_->version(), version);
  EXPECT_EQ(database_->committed_version(), version);
}

TEST_F(SqliteVersionTest, DoesNotWaitForAWriterWhoseCommitHasNotEnded) {
  const auto version = database_->committed_version();
  SQLite::Database other = foreign();
  other.exec("BEGIN EXCLUSIVE; INSERT INTO numbers VALUES (1)");
  ASSERT_EQ(sqlite3_db_cacheflush(other.getHandle()), SQLITE_OK);  // the file has the row now
  EXPECT_EQ(database_->version(), version);
  other.exec("COMMIT");
  EXPECT_NE(database_->version(), version);
}

TEST_F(SqliteVersionTest, OfAKilledCommitIsRolledBackBeforeItIsKept) {
  insert(*database_, 1);
  const auto before = database_->committed_version();
  {  // As a process that is killed between writing the file and deleting its journal.
    SQLite::Database other = foreign();
    other.exec("BEGIN IMMEDIATE; INSERT INTO numbers VALUES (2); PRAGMA user_version = 1");
    ASSERT_EQ(sqlite3_db_cacheflush(other.getHandle()), SQLITE_OK);
    std::filesystem::copy_file(journal(), path("hot"));
    other.exec("COMMIT");
  }
  std::filesystem::rename(path("hot"), journal());
  const auto of_killed_commit = database_->version();
  EXPECT_NE(of_killed_commit, before);

  EXPECT_EQ(database_->committed_version(), before);
  EXPECT_EQ(database_->version(), before);
  EXPECT_EQ(all(*database_), std::vector<int>{1});
  // The next commit has the same version. So content must not be kept under an uncommitted one.
  insert(*database_, 3);
  EXPECT_EQ(database_->committed_version(), of_killed_commit);
}

TEST_F(SqliteVersionTest, DiffersAfterTheFileWasReplacedByAnotherWithTheSameCounter) {
  const auto before = database_->committed_version();
  std::filesystem::copy_file(path(), path("copy"));
  std::filesystem::rename(path("copy"), path());
  EXPECT_NO_THROW(all(*database_));  // notices it
  EXPECT_EQ(database_->version(), std::nullopt);
  const auto after = database_->committed_version();
  EXPECT_NE(after, std::nullopt);
  EXPECT_NE(after, before);
  EXPECT_EQ(database_->version(), after);
}

// The failed connection was closed, so it does not notice that the file is another one.
TEST_F(SqliteVersionTest, DiffersAfterTheFileWasReplacedBetweenAFailedWriteAndTheNext) {
  const auto before = database_->committed_version();
  EXPECT_THROW(database_->write("fail", [](SqliteConnection&) { throw std::runtime_error("no"); }),
               std::runtime_error);
  std::filesystem::copy_file(path(), path("copy"));
  std::filesystem::rename(path("copy"), path());
  insert(*database_, 7);
  EXPECT_NE(database_->version(), before);
  EXPECT_NE(database_->committed_version(), before);
}

TEST_F(SqliteVersionTest, IsUnknownWhileAnotherProgramHasSwitchedToAWal) {
  const auto before = database_->committed_version();
  SQLite::Database other = foreign();
  EXPECT_EQ(other.execAndGet("PRAGMA journal_mode = WAL").getString(), "wal");
  EXPECT_EQ(database_->version(), std::nullopt);
  EXPECT_EQ(other.execAndGet("PRAGMA journal_mode = DELETE").getString(), "delete");
  EXPECT_NE(database_->version(), std::nullopt);
  EXPECT_NE(database_->version(), before);
}

TEST_F(SqliteVersionTest, LeavesTheLocksOfTheProcess) {
  database_->committed_version();
  auto second = open();  // in the same process
  second->committed_version();
  SQLite::Database other = foreign();
  database_->write("test", [&](SqliteConnection& /*connection*/) {
    EXPECT_NE(database_->version(), std::nullopt);
    EXPECT_NE(second->version(), std::nullopt);
    second.reset();  // closes its descriptors
    EXPECT_THROW(other.exec("BEGIN IMMEDIATE"), SQLite::Exception);
  });
}

}  // namespace
}  // namespace common
