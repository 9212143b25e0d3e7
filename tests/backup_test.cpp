// "--backup" and "--verify" of both programs.

#include <SQLiteCpp/Database.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <ios>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include "tests/support/api.h"
#include "tests/support/backup_fixture.h"
#include "tests/support/child_process.h"
#include "tests/support/eventually.h"
#include "tests/support/postgres_server.h"

namespace tests {
namespace {

class Backup : public BackupFixture, public testing::WithParamInterface<DatabaseKind> {
 protected:
  Backup() : BackupFixture(GetParam()) {}
};
INSTANTIATE_TEST_SUITE_P(Of, Backup,
                         testing::Values(DatabaseKind::kSqlite, DatabaseKind::kPostgres),
                         [](const auto& test) {
                           return test.param == DatabaseKind::kSqlite ? "Sqlite" : "Postgres";
                         });

std::string content(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST_P(Backup, SaysWhatItContainsAndLeavesOneFileForItsOwner) {
  const auto provider = start_provider({{"ACCEPTED_CURRENCIES", "EUR,GBP"}});
  const auto app = start_invoice_app(provider->url());
  expect_status(pay(*app), 502);  // one is refused
  const std::map<std::string, std::string> totals = {
      {"invoices",
       "invoices by currency:\nDKK: 1, sum 66.13\nEUR: 1, sum 12.15\nGBP: 1, sum 10.25\n"},
      {"payments",
       "payments by currency:\nDKK refused: 1, sum 66.13\nEUR accepted: 1, sum 12.15\n"
       "GBP accepted: 1, sum 10.25\n"}};
  for (const auto& [name, text] : totals) {
    const Outcome outcome = back_up(name);
    EXPECT_EQ(outcome.status, 0);
    EXPECT_NE(outcome.output.find(text), std::string::npos) << outcome.output;
    const std::string before = content(file(name + ".backup"));
    expect_intact(name, text);
    EXPECT_EQ(content(file(name + ".backup")), before);
    EXPECT_EQ(files(name + ".backup"), std::set{name + ".backup"});
    struct stat status {};
    ASSERT_EQ(::stat(file(name + ".backup").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
  }
}

TEST_P(Backup, ReadsTheUrlFromTheFileOfTheService) {
  start_provider()->stop();
  std::ofstream(file("url")) << database("payments") << '\n';
  const Outcome outcome = run(PAYMENT_PROVIDER_BINARY, {"--backup", file("payments.backup")},
                              {{"DATABASE_URL_FILE", file("url")}});
  EXPECT_EQ(outcome.status, 0) << outcome.output;
  expect_intact("payments", "payments by currency:\n");
}

TEST_P(Backup, ReplacesNoFile) {
  start_provider()->stop();
  std::ofstream(file("payments.backup")) << "precious";
  expect_failure(back_up("payments"), "File exists");
  EXPECT_EQ(content(file("payments.backup")), "precious");
  std::filesystem::remove(file("payments.backup"));
  std::filesystem::create_symlink(file("nowhere"), file("payments.backup"));
  expect_failure(back_up("payments"), "File exists");
  EXPECT_FALSE(std::filesystem::exists(file("nowhere")));
}

// SQLite takes such a name for a URI.
TEST_P(Backup, WritesAFileWhoseNameBeginsLikeAUri) {
  start_provider()->stop();
  const Outcome outcome = run("sh",
                              {"-c", "cd \"$1\" && exec \"$0\" --backup file:payments.backup",
                               PAYMENT_PROVIDER_BINARY, file("")},
                              {{"DATABASE_URL", database("payments")}});
  EXPECT_EQ(outcome.status, 0) << outcome.output;
  EXPECT_EQ(files("payments.backup"), std::set<std::string>());
  std::filesystem::rename(file("file:payments.backup"), file("payments.backup"));
  expect_intact("payments", "payments by currency:\n");
}

TEST_P(Backup, LeavesNoFileIfItFails) {
  start_provider()->stop();
  const std::string other = GetParam() == DatabaseKind::kSqlite ? "sqlite:" + file("missing.db")
                                                                : shared_postgres().url("missing");
  expect_failure(back_up("payments", other),
                 GetParam() == DatabaseKind::kSqlite ? "unable to open" : "does not exist");
  EXPECT_FALSE(std::filesystem::exists(file("missing.db")));
  expect_failure(back_up("invoices", database("payments")), "no data of this service");
  // As on a full disk.
  expect_failure(run("sh",
                     {"-c", "ulimit -f 10; exec \"$0\" --backup \"$1\"", PAYMENT_PROVIDER_BINARY,
                      file("payments.backup")},
                     {{"DATABASE_URL", database("payments")}}),
                 "database");
  EXPECT_EQ(files("invoices.backup"), std::set<std::string>());
  EXPECT_EQ(files("payments.backup"), std::set<std::string>());
}

TEST_P(Backup, KilledItLeavesNoIncompleteFileWithTheName) {
  const auto provider = start_provider();
  const auto app = start_invoice_app(provider->url());
  add_invoices(app->url(), "many", 20'000);
  ChildProcess process({INVOICE_APP_BINARY, "--backup", file("invoices.backup")},
                       {{"DATABASE_URL", database("invoices")}}, directory_ / "killed.log");
  ASSERT_TRUE(eventually([&] { return !files("invoices.backup").empty(); }));
  process.kill();
  if (std::filesystem::exists(file("invoices.backup"))) expect_intact("invoices", "intact");
}

// Only of SQLite, because backups are such files.
class BackupFile : public BackupFixture {
 protected:
  void SetUp() override {
    const auto provider = start_provider();
    const auto app = start_invoice_app(provider->url());
    add_invoices(app->url(), "many", 2'000);
    expect_backup("invoices");
    expect_intact("invoices", "EUR: 2001,");
  }

  // The index lacks a row that it should have. SQLite 3.46 does not mind rows that it should not
  // have.
  static constexpr const char* kDamageIndex =
      "UPDATE invoices SET state = 2 WHERE sequence = 1; PRAGMA writable_schema = ON; "
      "UPDATE sqlite_schema SET sql = replace(sql, 'IN (0, 1)', 'IN (0, 1, 2)') "
      "WHERE name = 'due'";

  void change(const std::string& name, const std::string& sql) const {
    SQLite::Database(file(name), SQLite::OPEN_READWRITE).exec(sql);
  }
};

TEST_F(BackupFile, IsRefusedIfItIsDamaged) {
  const std::string good = content(file("invoices.backup"));
  const auto expect_damage = [&](const std::string& bad, const std::string& text) {
    std::ofstream(file("invoices.backup"), std::ios::binary) << bad;
    expect_failure(verify("invoices"), text);
  };
  expect_damage("", "no data of this service");
  expect_damage(std::string(5'000, 'x'), "not a database");
  expect_damage(good.substr(0, good.size() / 2), "");
  constexpr std::size_t kPage = 4096;
  ASSERT_GT(good.size(), 40 * kPage);
  for (std::size_t page = 1; page < good.size() / kPage; page += 7) {
    std::string bad = good;
    bad.replace(page * kPage, kPage, kPage, '\xff');
    expect_damage(bad, "database");
  }
  std::ofstream(file("invoices.backup"), std::ios::binary) << good;
  expect_intact("invoices", "EUR: 2001,");
}

TEST_F(BackupFile, IsRefusedIfAnIndexOrAValueIsWrong) {
  change("invoices.backup", kDamageIndex);
  expect_failure(verify("invoices"), "damaged: row 1 missing from index due");
  std::filesystem::remove(file("invoices.backup"));
  expect_backup("invoices");
  change("invoices.backup",
         "PRAGMA ignore_check_constraints = ON; UPDATE invoices SET amount_minor = -1");
  expect_failure(verify("invoices"), "damaged: CHECK constraint failed");
}

TEST_F(BackupFile, IsRefusedIfATableHasNotItsOneRow) {
  change("invoices.backup", "DELETE FROM payment_request");
  expect_failure(verify("invoices"), "damaged: table payment_request has 0 rows");
  change("invoices.backup",
         "DROP TABLE payment_request; CREATE TABLE payment_request (only_row, through, "
         "due_since_ms); INSERT INTO payment_request VALUES (1, 0, NULL), (2, 0, NULL)");
  expect_failure(verify("invoices"), "damaged: table payment_request has 2 rows");
}

TEST_F(BackupFile, MayHaveANewerSchemaThatAllowsThisProgram) {
  change("invoices.backup", "PRAGMA user_version = 99");
  expect_intact("invoices", "schema version 99");
  change("invoices.backup", "PRAGMA user_version = " + std::to_string(99 << 16 | 99));
  expect_failure(verify("invoices"), "this program knows version");
}

TEST_F(BackupFile, OfTheOtherServiceIsRefused) {
  expect_failure(run(PAYMENT_PROVIDER_BINARY, {"--verify", file("invoices.backup")}),
                 "no data of this service");
  expect_failure(run(INVOICE_APP_BINARY, {"--verify", file("missing")}), "unable to open");
}

// The damage that --verify finds is in the database already.
TEST_F(BackupFile, IsNotMadeOfADamagedDatabase) {
  std::filesystem::remove(file("invoices.backup"));
  change("invoices.db", kDamageIndex);
  expect_failure(back_up("invoices"), "invoices.db is damaged");
  EXPECT_EQ(files("invoices.backup"), std::set<std::string>());
}

TEST_F(BackupFile, NeedsAPath) {
  for (const std::string option : {"--backup", "--verify"}) {
    expect_failure(run(INVOICE_APP_BINARY, {option}), "accepted: 1", 2);
    expect_failure(run(INVOICE_APP_BINARY, {option, "a", "b"}), "accepted: 1", 2);
    expect_failure(run(INVOICE_APP_BINARY, {option, ""}), "accepted: a path", 2);
    expect_failure(run(INVOICE_APP_BINARY, {option, "sqlite:a"}), "accepted: a path", 2);
  }
}

}  // namespace
}  // namespace tests
