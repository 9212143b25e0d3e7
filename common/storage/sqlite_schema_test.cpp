// Migrations, and the rule for rolling updates.

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/storage/sqlite_fixture.h"

namespace common {
namespace {

using SqliteSchemaTest = SqliteDatabaseTest;

TEST_F(SqliteSchemaTest, MakesTheFileWithItsSchemaVersionAndOwner) {
  const auto database = open();
  EXPECT_EQ(migrations(*database), (std::vector<int>{1, 2}));
  EXPECT_EQ(foreign().execAndGet("PRAGMA user_version").getInt(), 2);
  EXPECT_EQ(foreign().execAndGet("PRAGMA application_id").getInt(), kApplicationId);
}

TEST_F(SqliteSchemaTest, TreatsAnEmptyFileAsNew) {
  overwrite("");
  EXPECT_EQ(migrations(*open()), (std::vector<int>{1, 2}));
}

TEST_F(SqliteSchemaTest, RunsOnlyTheMigrationsThatAFileNeeds) {
  EXPECT_EQ(migrations(*open(kOldSchema)), std::vector<int>{1});
  insert(*open(kOldSchema), 7);
  EXPECT_EQ(migrations(*open()), (std::vector<int>{1, 2}));
  EXPECT_EQ(migrations(*open()), (std::vector<int>{1, 2}));
  EXPECT_EQ(all(*open()), std::vector<int>{7});
}

TEST_F(SqliteSchemaTest, RunsMigrationsOnceWhenManyThreadsOpenAtOnce) {
  in_threads(8, [this](int /*thread*/) { EXPECT_EQ(refusal(), ""); });
  EXPECT_EQ(migrations(*open()), (std::vector<int>{1, 2}));
}

TEST_F(SqliteSchemaTest, RunsMigrationsOnceWhenManyProcessesOpenAtOnce) {
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    const pid_t child = fork();
    if (child == 0) _exit(refusal().empty() ? 0 : 1);
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(migrations(*open()), (std::vector<int>{1, 2}));
}

TEST_F(SqliteSchemaTest, LeavesNothingOfAMigrationThatFails) {
  open(kOldSchema);
  const SqliteMigration broken[] = {kMigrations[0], {"INSERT INTO migrations VALUES (2); NOT SQL"}};
  EXPECT_NE(refusal({kApplicationId, broken}), "");
  EXPECT_EQ(migrations(*open(kOldSchema)), std::vector<int>{1});
}

TEST_F(SqliteSchemaTest, AnOlderProgramRunsNextToANewerSchemaThatOnlyAdds) {
  const auto older = open(kOldSchema);
  insert(*older, 1);
  const auto newer = open();
  in_threads(2, [&](int thread) {
    SqliteDatabase& database = thread == 0 ? *older : *newer;
    for (int i = 1; i <= 20; ++i) {
      EXPECT_NO_THROW(insert(database, 100 * (thread + 1) + i));
      EXPECT_NO_THROW(database.check());
    }
  });
  EXPECT_EQ(all(*older).size(), 41U);
  EXPECT_EQ(all(*older), all(*newer));
  EXPECT_EQ(numbers(*newer, "SELECT n FROM notes WHERE note IS NULL").size(), 41U);
}

TEST_F(SqliteSchemaTest, AnOlderProgramStartsOnANewerSchemaThatOnlyAddsAndLeavesItAsItIs) {
  insert(*open(), 1);
  const std::string before = content();
  const auto older = open(kOldSchema);
  EXPECT_EQ(content(), before);
  EXPECT_EQ(all(*older), std::vector<int>{1});
  insert(*older, 2);
  EXPECT_NO_THROW(older->check());
  EXPECT_EQ(migrations(*open()), (std::vector<int>{1, 2}));
  EXPECT_EQ(foreign().execAndGet("PRAGMA user_version").getInt(), 2);
}

TEST_F(SqliteSchemaTest, ASchemaThatTheProgramMayNotUseStopsItAndStaysAsItIs) {
  const auto older = open(kOldSchema);
  const auto permitted = open();
  const auto newest = open(kContractedSchema);
  EXPECT_EQ(foreign().execAndGet("PRAGMA user_version").getInt(), 2 * 65536 + 3);
  const std::string before = content();
  const std::string expected = "database " + path() +
                               " has schema version 3, for programs that know version 2 or later; "
                               "this program knows version 1";
  EXPECT_EQ(failure([&] { older->check(); }), expected);
  EXPECT_EQ(refusal(kOldSchema), expected);
  EXPECT_EQ(content(), before);
  EXPECT_EQ(failure([&] { permitted->check(); }), "");
  EXPECT_EQ(refusal(), "");
  EXPECT_EQ(failure([&] { newest->check(); }), "");
  EXPECT_EQ(foreign().execAndGet("PRAGMA user_version").getInt(), 2 * 65536 + 3);
}

TEST_F(SqliteSchemaTest, FailsTheCheckOnASchemaThatIsTooOld) {
  const auto database = open();
  foreign().exec("PRAGMA user_version = 1");  // as after a restore
  EXPECT_EQ(failure([&] { database->check(); }),
            "database " + path() + " has schema version 1; this program needs version 2");
  EXPECT_EQ(foreign().execAndGet("PRAGMA user_version").getInt(), 1);
}

TEST_F(SqliteSchemaTest, OpenedToReadOnlyItChangesNothing) {
  const auto open_to_read = [this](const SqliteSchema& schema) {
    return std::make_unique<SqliteDatabase>(path(), schema, Opening::kReadOnly);
  };
  EXPECT_NE(failure([&] { open_to_read(kSchema); }), "");
  EXPECT_FALSE(std::filesystem::exists(path()));
  overwrite("");
  EXPECT_EQ(failure([&] { open_to_read(kSchema); }),
            "database " + path() + " has no data of this service");
  insert(*open(kOldSchema), 7);
  const std::string before = content();
  EXPECT_EQ(failure([&] { open_to_read(kSchema); }),
            "database " + path() + " has schema version 1; this program needs version 2");
  const auto database = open_to_read(kOldSchema);
  EXPECT_EQ(all(*database), std::vector<int>{7});
  EXPECT_THROW(insert(*database, 8), std::logic_error);
  EXPECT_THROW(database->check(), std::logic_error);
  EXPECT_EQ(content(), before);
  open(kContractedSchema);
  EXPECT_NE(failure([&] { open_to_read(kOldSchema); }), "");
}

TEST_F(SqliteSchemaTest, RefusesAVersionThatNoProgramWrites) {
  open();
  foreign().exec("PRAGMA user_version = -1");
  EXPECT_NE(refusal(), "");
}

TEST_F(SqliteSchemaTest, RefusesFilesOfOtherApplicationsAndLeavesThemAsTheyAre) {
  for (const char* sql :
       {"PRAGMA application_id = 1; CREATE TABLE theirs (x)", "PRAGMA application_id = 1",
        "PRAGMA user_version = 1", "PRAGMA user_version = 1; CREATE TABLE theirs (x)",
        "CREATE TABLE theirs (x)"}) {
    foreign().exec(sql);
    const std::string before = content();
    EXPECT_EQ(refusal(), "database " + path() + " belongs to another application") << sql;
    EXPECT_EQ(content(), before) << sql;
    std::filesystem::remove(path());
  }
}

}  // namespace
}  // namespace common
