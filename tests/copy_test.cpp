// "--copy" of both programs: between all kinds of databases, with targets and sources that must be
// refused, and killed in the middle.

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <string>
#include <system_error>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/copy_fixture.h"
#include "tests/support/postgres_server.h"

namespace tests {
namespace {

struct Program {
  const char* name;
  const char* binary;
  const char* table;
  const char* counter;  // of PostgreSQL
  const char* fill;     // SQLite's statement that adds rows; its first value is their number
};

// In every state, in currencies of all kinds, with amounts whose sum is over 64 bits, with gaps
// between the sequences, and with texts that need quotes.
constexpr Program kInvoiceApp{"InvoiceApp", INVOICE_APP_BINARY, "invoices",
                              "SELECT last FROM invoice_counter",
                              R"sql(
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
      INSERT INTO invoices
      SELECT 3 * i, 'I' || i, CASE i % 5 WHEN 0 THEN 9223372036854775807 ELSE i END,
        substr('EURBGNQQQ', 1 + 3 * (i % 3), 3), i % 4, 1 + i % 7, i % 11,
        CASE i % 4 WHEN 1 THEN 1764000000000 + i ELSE 0 END,
        CASE i % 8 WHEN 1 THEN 'pid 1 "x"' END,
        CASE i % 12 WHEN 3 THEN '' WHEN 7 THEN '"{NULL,\}" ' || char(10) || 'é' END,
        CASE i % 3 WHEN 0 THEN 1764000000000 + i END, CASE i % 4 WHEN 2 THEN 1764000000001 + i END,
        CASE i % 4 WHEN 3 THEN 1764000000002 + i END, CASE i % 4 WHEN 3 THEN i % 11 END
      FROM n)sql"};

constexpr Program kPaymentProvider{"PaymentProvider", PAYMENT_PROVIDER_BINARY, "payments",
                                   "SELECT last FROM payment_counter",
                                   R"sql(
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
      INSERT INTO payments
      SELECT 3 * i, 'pay:' || char(34) || ' \' || i, 'I' || (i / 2),
        CASE i % 5 WHEN 0 THEN 9223372036854775807 ELSE i END,
        substr('EURBGNQQQ', 1 + 3 * (i % 3), 3), CASE i % 2 WHEN 0 THEN 'no, {"é"}' END,
        1764000000000 + i
      FROM n)sql"};

std::ostream& operator<<(std::ostream& out, const Program& program) { return out << program.name; }

class Copy : public CopyFixture, public testing::WithParamInterface<Program> {
 protected:
  static constexpr int kRows = 12'001;  // more than two batches

  std::string file(const std::string& name) const { return directory_ / name; }
  std::string url(const std::string& name) const { return "sqlite:" + file(name); }

  // A new file with these rows, made by the program.
  std::string make_source(int rows = kRows, const std::string& name = "source.db") {
    start("server", GetParam().binary, {{"DATABASE_URL", url(name)}, {"SEED_INVOICES", "false"}})
        ->stop();
    SQLite::Database database(file(name), SQLite::OPEN_READWRITE);
    SQLite::Statement insertion(database, GetParam().fill);
    insertion.bind(1, rows);
    if (rows > 0) insertion.exec();
    if (is_invoice_app()) database.exec("UPDATE payment_request SET through = 10");
    return url(name);
  }

  void change(const std::string& name, const std::string& sql) const {
    SQLite::Database(file(name), SQLite::OPEN_READWRITE).exec(sql);
  }

  // All columns of all rows of all tables.
  std::vector<std::string> content(const std::string& name) const {
    std::vector<std::string> content;
    SQLite::Database database(file(name), SQLite::OPEN_READONLY);
    SQLite::Statement tables(database, "SELECT name FROM sqlite_master WHERE type = 'table'");
    while (tables.executeStep()) {
      SQLite::Statement rows(database, "SELECT * FROM " + tables.getColumn(0).getString());
      while (rows.executeStep()) {
        std::string& row = content.emplace_back(tables.getColumn(0).getString());
        for (int i = 0; i < rows.getColumnCount(); ++i) {
          const auto column = rows.getColumn(i);
          row += "|" + (column.isNull() ? "NULL" : "'" + column.getString() + "'");
        }
      }
    }
    return content;
  }

  int rows(const std::string& name) const {
    SQLite::Database database(file(name), SQLite::OPEN_READWRITE);
    return database.execAndGet(std::string("SELECT count(*) FROM ") + GetParam().table);
  }
  static int postgres_rows(const std::string& url) {
    return std::stoi(
        PostgresServer::query(url, std::string("SELECT count(*) FROM ") + GetParam().table));
  }

  // Expects the copy to end with this status and this text in its message.
  void expect_refusal(const std::string& from, const std::string& to, int status,
                      const std::string& text) const {
    const Outcome outcome = run(GetParam().binary, {"--copy", from, to});
    EXPECT_EQ(outcome.status, status) << from << " " << to;
    EXPECT_NE(outcome.output.find(text), std::string::npos) << outcome.output;
    EXPECT_EQ(outcome.output.find("s3cret"), std::string::npos) << outcome.output;
  }

  bool is_invoice_app() const { return std::string(GetParam().name) == "InvoiceApp"; }
  const char* other_binary() const {
    return is_invoice_app() ? PAYMENT_PROVIDER_BINARY : INVOICE_APP_BINARY;
  }
};
INSTANTIATE_TEST_SUITE_P(Of, Copy, testing::Values(kInvoiceApp, kPaymentProvider),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_P(Copy, KeepsEveryColumnOfEveryRowBetweenAllKindsOfDatabases) {
  const std::string source = make_source();
  const auto before = content("source.db");
  const std::string one = shared_postgres().create_database();
  const std::string two = shared_postgres().create_database();
  expect_copy(GetParam().binary, source, one);
  expect_copy(GetParam().binary, one, two);
  expect_copy(GetParam().binary, two, url("three.db"));
  expect_copy(GetParam().binary, url("three.db"), url("four.db"));
  EXPECT_EQ(content("source.db"), before);
  EXPECT_EQ(content("three.db"), before);
  EXPECT_EQ(content("four.db"), before);
  for (const std::string& database : {one, two}) {
    EXPECT_EQ(PostgresServer::query(database, GetParam().counter), std::to_string(3 * kRows));
    // The planner knows the new table.
    EXPECT_NE(PostgresServer::query(database,
                                    "SELECT count(*) FROM pg_stats"
                                    " WHERE schemaname = 'public'"),
              "0");
  }
}

// Earlier releases could store such a refusal. PostgreSQL can't.
TEST_P(Copy, LeavesOutHalfACharacterAtTheEndOfAText) {
  const std::string source = make_source(1);
  const std::string table = GetParam().table;
  change("source.db", "UPDATE " + table + " SET refusal = CAST(X'61C3' AS TEXT)");
  const std::string target = shared_postgres().create_database();
  expect_copy(GetParam().binary, source, target);
  EXPECT_EQ(PostgresServer::query(target, "SELECT refusal FROM " + table), "a");
}

TEST_P(Copy, AnEmptyDatabaseIsCopiedToo) {
  const std::string target = shared_postgres().create_database();
  expect_copy(GetParam().binary, make_source(0), target);
  EXPECT_EQ(postgres_rows(target), 0);
  // Somebody has removed invoices. New ones must not get sequences that payment is requested for.
  EXPECT_EQ(PostgresServer::query(target, GetParam().counter), is_invoice_app() ? "10" : "0");
}

TEST_P(Copy, ReadsUrlsFromFiles) {
  const std::string target = shared_postgres().create_database();
  std::ofstream(file("from")) << make_source(7) << '\n';
  std::ofstream(file("to")) << target;
  expect_copy(GetParam().binary, "file:" + file("from"), "file:" + file("to"));
  EXPECT_EQ(postgres_rows(target), 7);
}

TEST_P(Copy, RefusesAWrongUseOfTheCommandLine) {
  const std::string source = make_source(1);
  for (const std::string bad : {"", "target.db", "sqlite:", "postgresql://u:s3cret@h/d?nonsense=1",
                                "mysql://u:s3cret@h/d", "file:/nonexistent", "file:"}) {
    expect_refusal(source, bad, 2, "accepted:");
    expect_refusal(bad, url("target.db"), 2, "accepted:");
  }
  const std::vector<std::vector<std::string>> calls = {
      {"--copy"}, {"--copy", source}, {"--copy", source, url("target.db"), "s3cret"}};
  for (const auto& arguments : calls) {
    EXPECT_EQ(run(GetParam().binary, arguments).status, 2);
  }
  EXPECT_FALSE(std::filesystem::exists(file("target.db")));
}

TEST_P(Copy, RefusesASourceWithoutDataThatItKnows) {
  const std::string target = url("target.db");
  expect_refusal(url("missing.db"), target, 1, "unable to open");
  EXPECT_FALSE(std::filesystem::exists(file("missing.db")));

  std::ofstream(file("empty.db")) << "";
  expect_refusal(url("empty.db"), target, 1, "no data of this service");
  std::ofstream(file("text.db")) << std::string(2000, 'x');
  expect_refusal(url("text.db"), target, 1, "not a database");

  start("other", other_binary(), {{"DATABASE_URL", url("other.db")}})->stop();
  expect_refusal(url("other.db"), target, 1, "no data of this service");

  const std::string server = shared_postgres().url("postgres");
  expect_refusal(server, target, 1, "no data of this service");
  expect_refusal(shared_postgres().url("missing"), target, 1, "does not exist");
  expect_refusal("postgresql://u:s3cret@127.0.0.1:1/d", target, 1, "127.0.0.1");

  const std::string source = make_source(5);
  change("source.db", "PRAGMA user_version = 99");  // a column may be missing in the copy
  expect_refusal(source, target, 1, "schema version 99");
  EXPECT_FALSE(std::filesystem::exists(file("target.db")));
}

// payment-provider has no such table.
class CopyOfInvoices : public Copy {};
INSTANTIATE_TEST_SUITE_P(Of, CopyOfInvoices, testing::Values(kInvoiceApp));

TEST_P(CopyOfInvoices, RefusesASourceInWhichATableHasNotItsOneRow) {
  make_source(5);
  const std::string postgres = shared_postgres().create_database();
  expect_copy(GetParam().binary, url("source.db"), postgres);
  change("source.db", "DELETE FROM payment_request");
  PostgresServer::execute(postgres,
                          "ALTER TABLE payment_request DROP CONSTRAINT payment_request_pkey, "
                          "DROP CONSTRAINT payment_request_only_row_check; "
                          "INSERT INTO payment_request VALUES (2, 0)");
  expect_refusal(url("source.db"), url("target.db"), 1, "table payment_request has 0 rows");
  expect_refusal(postgres, url("target.db"), 1, "table payment_request has 2 rows");
  EXPECT_FALSE(std::filesystem::exists(file("target.db")));
}

TEST_P(Copy, RefusesATargetThatHasRowsOrIsNotOurs) {
  const std::string source = make_source(5);
  make_source(1, "full.db");
  const auto before = content("full.db");
  expect_refusal(source, url("full.db"), 1, "already");
  EXPECT_EQ(content("full.db"), before);

  const std::string full = shared_postgres().create_database();
  expect_copy(GetParam().binary, url("full.db"), full);
  expect_refusal(source, full, 1, "already");
  EXPECT_EQ(postgres_rows(full), 1);

  std::filesystem::create_symlink(file("source.db"), file("link.db"));
  expect_refusal(source, url("link.db"), 1, "same database");
  expect_refusal(full, full, 1, "same database");

  start("other", other_binary(), {{"DATABASE_URL", url("other.db")}})->stop();
  expect_refusal(source, url("other.db"), 1, "belongs to another application");
  const std::string other = shared_postgres().create_database();
  PostgresServer::execute(other, "CREATE TABLE mine (n INT)");
  expect_refusal(source, other, 1, "belongs to another application");
  expect_refusal(source, url("missing/target.db"), 1, "unable to open");
}

TEST_P(Copy, WritesNothingIfTheTargetDoesNotKeepWhatItGets) {
  const std::string source = make_source();
  const std::string on_a_row =
      std::string(" INSERT ON ") + GetParam().table + " WHEN new.sequence = 9 BEGIN ";
  const std::string update = std::string("UPDATE ") + GetParam().table;
  const std::vector<std::string> triggers = {
      "BEFORE" + on_a_row + "SELECT raise(IGNORE)",
      "AFTER" + on_a_row + update + " SET amount_minor = 7",
      "AFTER" + on_a_row + update + " SET refusal = 'other'"};
  for (const std::string& trigger : triggers) {
    make_source(0, "target.db");
    change("target.db", "CREATE TRIGGER damage " + trigger + "; END");
    expect_refusal(source, url("target.db"), 1, "differ");
    EXPECT_EQ(rows("target.db"), 0);
    std::filesystem::remove(file("target.db"));
  }
}

TEST_P(Copy, SaysThatTheOutcomeOfAFailedCommitIsUnknown) {
  const std::string target = shared_postgres().create_database();
  expect_copy(GetParam().binary, make_source(0, "empty.db"), target);
  PostgresServer::execute(target,
                          "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
                          "'BEGIN RAISE EXCEPTION ''no space''; END'");
  PostgresServer::execute(target, std::string("CREATE CONSTRAINT TRIGGER fails AFTER INSERT ON ") +
                                      GetParam().table +
                                      " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE "
                                      "FUNCTION fail()");
  expect_refusal(make_source(3), target, 1, "unknown whether the target has the rows");
  EXPECT_EQ(postgres_rows(target), 0);
}

TEST_P(Copy, KilledInTheMiddleItHasWrittenNothingAndCanBeRunAgain) {
  const std::string source = make_source(60'000);
  const std::string postgres = shared_postgres().create_database();
  const std::string in_progress =
      "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
      "AND query LIKE 'INSERT INTO " +
      std::string(GetParam().table) + " %'";
  const auto is_writing_file = [&] {
    constexpr std::uintmax_t kNewFileBytes = 100'000;
    std::error_code missing;
    const auto size = std::filesystem::file_size(file("target.db"), missing);
    return !missing && size > kNewFileBytes;
  };
  for (const int signal : {SIGKILL, SIGTERM}) {
    for (const std::string& target : {postgres, url("target.db")}) {
      ChildProcess process({GetParam().binary, "--copy", source, target}, {},
                           directory_ / "killed.log");
      process.await("write", [&] {
        return target == postgres ? PostgresServer::query(target, in_progress) != "0"
                                  : is_writing_file();
      });
      process.signal(signal);
      EXPECT_EQ(process.wait(), -signal);
    }
    EXPECT_EQ(rows("target.db"), 0);
    EXPECT_EQ(postgres_rows(postgres), 0);
  }
  expect_copy(GetParam().binary, source, postgres);
  expect_copy(GetParam().binary, source, url("target.db"));
  expect_copy(GetParam().binary, postgres, url("back.db"));
  const auto expected = content("source.db");
  EXPECT_EQ(content("target.db"), expected);
  EXPECT_EQ(content("back.db"), expected);
}

}  // namespace
}  // namespace tests
