// Migrations: each runs once, whoever starts and whoever dies. Older programs stay.

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <future>
#include <memory>
#include <span>
#include <stdexcept>

#include "common/storage/postgres_fixture.h"

namespace common {
namespace {

using std::chrono::seconds;

constexpr PostgresSchema kOldSchema{.application = "test",
                                    .migrations = std::span(kTestMigrations).first(1)};

class PostgresSchemaTest : public testing::Test {
 protected:
  std::unique_ptr<PostgresDatabase> open(const PostgresSchema& schema = kTestSchema) const {
    return std::make_unique<PostgresDatabase>(url_, schema);
  }
  std::string refusal(const PostgresSchema& schema = kTestSchema) const {
    return failure([&] { open(schema); });
  }
  void execute(const std::string& sql) const { PostgresServer::execute(url_, sql); }
  std::string query(const std::string& sql) const { return PostgresServer::query(url_, sql); }
  // Which migrations ran: "1,2".
  std::string migrations() const {
    return query("SELECT string_agg(version::TEXT, ',' ORDER BY version) FROM migrations");
  }
  // All tables with their columns, and the content of schema_version.
  std::string content() const {
    return query(
        "SELECT string_agg(concat(table_name, '.', column_name), ',' ORDER BY table_name, "
        "column_name) FROM information_schema.columns WHERE table_schema = 'public'");
  }

  const std::string url_ = tests::shared_postgres().create_database();
};

TEST_F(PostgresSchemaTest, RunsOnlyTheMigrationsThatADatabaseNeeds) {
  open(kOldSchema);
  EXPECT_EQ(migrations(), "1");
  insert(*open(kOldSchema), 7);
  open();
  EXPECT_EQ(migrations(), "1,2");
  EXPECT_EQ(all(*open()), Numbers{7});
  EXPECT_EQ(migrations(), "1,2");
}

TEST_F(PostgresSchemaTest, OpenedToReadOnlyItChangesNothing) {
  const auto open_to_read = [this](const PostgresSchema& schema) {
    return std::make_unique<PostgresDatabase>(url_, schema,
                                              PostgresOptions{.opening = Opening::kReadOnly});
  };
  EXPECT_NE(failure([&] { open_to_read(kTestSchema); }).find("has no data of this service"),
            std::string::npos);
  EXPECT_EQ(content(), "");
  insert(*open(kOldSchema), 7);
  const std::string before = content();
  EXPECT_NE(failure([&] {
              open_to_read(kTestSchema);
            }).find("has schema version 1; this program needs version 2"),
            std::string::npos);
  const auto database = open_to_read(kOldSchema);
  EXPECT_EQ(all(*database), Numbers{7});
  EXPECT_THROW(insert(*database, 8), std::logic_error);
  EXPECT_THROW(database->check(), std::logic_error);
  EXPECT_EQ(content(), before);
  EXPECT_EQ(query("SELECT count(*) FROM numbers"), "1");
}

TEST_F(PostgresSchemaTest, OpenedToReadOnlyItWaitsLongerThanARequestMay) {
  insert(*open(), 7);
  PostgresDatabase database(url_, kTestSchema, PostgresOptions{.opening = Opening::kReadOnly});
  PostgresConnection other{PostgresParameters(url_)};
  other.set_deadline(std::chrono::steady_clock::now() + tests::kPatience);
  other.run_all("BEGIN; LOCK TABLE numbers");
  auto numbers = std::async(std::launch::async, [&] { return all(database); });
  EXPECT_EQ(numbers.wait_for(kLongestLockWait + seconds(1)), std::future_status::timeout);
  other.run_all("COMMIT");
  EXPECT_EQ(numbers.get(), Numbers{7});
}

TEST_F(PostgresSchemaTest, RunsMigrationsOnceWhenManyThreadsOpenConcurrently) {
  in_threads(8, [this](int /*thread*/) { EXPECT_EQ(refusal(), ""); });
  EXPECT_EQ(migrations(), "1,2");
}

TEST_F(PostgresSchemaTest, RunsMigrationsOnceWhenManyProcessesOpenConcurrently) {
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(refusal().empty() ? 0 : 1);
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(migrations(), "1,2");
}

TEST_F(PostgresSchemaTest, AcceptsANewDatabaseWithViewsOfAnExtension) {
  execute("CREATE VIEW pg_stat_something AS SELECT 1 AS calls");
  EXPECT_EQ(refusal(), "");
  EXPECT_EQ(migrations(), "1,2");
}

TEST_F(PostgresSchemaTest, RefusesADatabaseThatCannotStoreAllTexts) {
  execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
  const std::string message =
      failure([] { PostgresDatabase(tests::shared_postgres().url("latin"), kTestSchema); });
  EXPECT_NE(message.find("LATIN1"), std::string::npos) << message;
}

TEST_F(PostgresSchemaTest, AMigrationThatWaitsForALockLetsOthersPass) {
  open(kOldSchema);
  PostgresConnection reader{PostgresParameters(url_)};
  reader.set_deadline(std::chrono::steady_clock::now() + tests::kPatience);
  reader.run_all("BEGIN; SELECT n FROM numbers");
  std::thread migration([this] { EXPECT_EQ(refusal(), ""); });
  EXPECT_TRUE(eventually([&] { return connections(url_, "wait_event_type = 'Lock'") == 1; }));
  insert(*open(kOldSchema), 1);
  EXPECT_EQ(migrations(), "1");
  reader.run_all("COMMIT");
  migration.join();
  EXPECT_EQ(migrations(), "1,2");
}

TEST_F(PostgresSchemaTest, ContinuesTheMigrationOfADeadProcess) {
  open(kOldSchema);
  execute(
      "ALTER TABLE numbers ADD COLUMN note TEXT;"  // the first of the migration's statements
      "UPDATE schema_version SET migrating_by = 'dead', "
      "migrating_until = clock_timestamp() - INTERVAL '1 second'");
  EXPECT_EQ(refusal(), "");
  EXPECT_EQ(migrations(), "1,2");
}

TEST_F(PostgresSchemaTest, WaitsForTheMigrationOfAnotherProcess) {
  open(kOldSchema);
  const auto begin = std::chrono::steady_clock::now();
  execute(
      "UPDATE schema_version SET migrating_by = 'other', "
      "migrating_until = clock_timestamp() + INTERVAL '1 second'");
  EXPECT_EQ(refusal(), "");
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(800));
  EXPECT_EQ(migrations(), "1,2");
}

TEST_F(PostgresSchemaTest, WaitsOnlySecondsForAProcessThatDiedInAMigration) {
  open(kOldSchema);
  static constexpr const char* kEndless[] = {"SELECT pg_sleep(600)"};
  static constexpr PostgresMigration kEndlessMigrations[] = {{kTestVersion1}, {kEndless}};
  const pid_t child = ::fork();
  if (child == 0) {
    refusal({.application = "test", .migrations = kEndlessMigrations});
    ::_exit(1);
  }
  EXPECT_TRUE(eventually([&] { return query("SELECT migrating_by FROM schema_version") != ""; }));
  ::kill(child, SIGKILL);
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(refusal(), "");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, tests::kSlowdown * seconds(15));
  EXPECT_EQ(migrations(), "1,2");
}

TEST_F(PostgresSchemaTest, TriesAFailedMigrationAgainAtTheNextStart) {
  open(kOldSchema);
  static constexpr const char* kBroken[] = {"INSERT INTO numbers (n) VALUES (1)", "NOT SQL"};
  static constexpr PostgresMigration kBrokenMigrations[] = {{kTestVersion1}, {kBroken}};
  EXPECT_NE(refusal({.application = "test", .migrations = kBrokenMigrations}), "");
  EXPECT_EQ(query("SELECT version FROM schema_version"), "1");
  EXPECT_EQ(refusal(kOldSchema), "");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(refusal(), "");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, tests::kSlowdown * seconds(5));
  EXPECT_EQ(migrations(), "1,2");
}

TEST_F(PostgresSchemaTest, RefusesADatabaseWithOtherTablesAndLeavesItAsItIs) {
  for (const char* sql : {"CREATE TABLE theirs (n INT)", "CREATE TABLE schema_version (id INT)"}) {
    execute(sql);
    const std::string before = content();
    EXPECT_NE(refusal().find("belongs to another application"), std::string::npos) << refusal();
    EXPECT_EQ(content(), before);
    execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
  }
}

TEST_F(PostgresSchemaTest, RefusesADatabaseOfAnotherApplicationAndLeavesItAsItIs) {
  open(kOldSchema);
  const std::string before = content();
  const PostgresSchema other{.application = "other", .migrations = kTestMigrations};
  EXPECT_NE(refusal(other).find("belongs to another application"), std::string::npos);
  EXPECT_EQ(content(), before);
  EXPECT_EQ(migrations(), "1");
}

TEST_F(PostgresSchemaTest, OlderProgramsStayAndStartNextToASchemaThatOnlyAdds) {
  const auto running = open(kOldSchema);
  const auto newer = open();
  const auto started = open(kOldSchema);
  for (const auto& old : {&running, &started}) EXPECT_NO_THROW((*old)->check());
  newer->check();
  insert(*running, 1);
  insert(*newer, 2);
  insert(*started, 3);
  EXPECT_EQ(all(*running), (Numbers{1, 2, 3}));
  EXPECT_EQ(all(*newer), (Numbers{1, 2, 3}));
  EXPECT_EQ(query("SELECT version FROM schema_version"), "2");
}

TEST_F(PostgresSchemaTest, RefusesProgramsThatAreTooOldForTheSchema) {
  const auto running = open(kOldSchema);
  open();
  execute("UPDATE schema_version SET oldest_program = 2");
  EXPECT_NE(refusal(kOldSchema), "");
  EXPECT_THROW(running->check(), Unavailable);
  EXPECT_EQ(refusal(), "");
}

TEST_F(PostgresSchemaTest, IsNotReadyWithoutItsSchema) {
  const auto database = open();
  database->check();
  execute("UPDATE schema_version SET version = 1");
  EXPECT_NE(failure([&] { database->check(); }), "");
  execute("UPDATE schema_version SET version = 2");
  database->check();
  execute("DROP TABLE schema_version");
  EXPECT_NE(failure([&] { database->check(); }), "");
}

class PostgresCheckTest : public PostgresSchemaTest {
 protected:
  static constexpr const char* kChecks[] = {
      "INSERT INTO numbers (n) SELECT n FROM numbers WHERE FALSE",
      "UPDATE numbers SET n = n WHERE FALSE"};
  static constexpr PostgresSchema kSchema = {
      .application = "test", .migrations = kTestMigrations, .checks = kChecks};
};

TEST_F(PostgresCheckTest, IsNotReadyWhileATableIsLockedOrMissing) {
  const auto database = open(kSchema);
  database->check();
  PostgresConnection other{PostgresParameters(url_)};
  other.set_deadline(std::chrono::steady_clock::now() + seconds(60));
  other.run_all("BEGIN; LOCK TABLE numbers IN SHARE MODE");  // reads go on
  expect_unavailable([&] { database->check(); });
  other.run_all("ROLLBACK");
  database->check();
  execute("DROP TABLE numbers");
  EXPECT_NE(failure([&] { database->check(); }), "");
}

// An operator may add one for reports (decision 9).
TEST_F(PostgresCheckTest, IsReadyWithAnotherColumnThatIsGenerated) {
  const auto database = open(kSchema);
  execute("ALTER TABLE numbers ADD COLUMN twice BIGINT GENERATED ALWAYS AS (2 * n) STORED");
  database->check();
}

TEST_F(PostgresCheckTest, IsNotReadyWithoutTheRightToChangeATable) {
  const auto database = open(kSchema);
  execute("CREATE ROLE clerk LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO clerk");
  execute("REVOKE UPDATE ON numbers FROM clerk");
  std::string url = url_;
  PostgresDatabase as_clerk(url.replace(url.find("postgres@"), 8, "clerk"), kSchema);
  EXPECT_NE(failure([&] { as_clerk.check(); }).find("permission denied"), std::string::npos);
  execute("GRANT UPDATE ON numbers TO clerk");
  as_clerk.check();
  execute("DROP OWNED BY clerk; DROP ROLE clerk");
}

TEST_F(PostgresCheckTest, IsNotReadyForAWhileAfterTheDiskWasFull) {
  PostgresDatabase database(url_, kSchema, {.full_disk_time = std::chrono::seconds(2)});
  execute(
      "CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS "
      "$$BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = 'disk_full'; END$$; "
      "CREATE TRIGGER full_disk BEFORE INSERT ON numbers FOR EACH ROW EXECUTE FUNCTION no_space()");
  EXPECT_NE(failure([&] {
              database.write("test", [](PostgresConnection& connection) {
                connection.run("INSERT INTO numbers (n) VALUES (1)");
              });
            }),
            "");
  EXPECT_NE(failure([&] { database.check(); }).find("disk is full"), std::string::npos);
  EXPECT_TRUE(tests::eventually([&] { return failure([&] { database.check(); }).empty(); }));
}

}  // namespace
}  // namespace common
