// Copies a database of invoices from SQLite to PostgreSQL and back with "invoice-app --copy", then
// makes and checks backups of both while invoices are added. Prints how long it takes, and whether
// memory and the wait of a commit stay within their limits and all rows come back.
//
//   copy [ROWS]
//
// ROWS   how many invoices; default: 1000000
//
// Exit status: 0 all is right, 1 something is not, 2 usage.

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <future>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/storage/lock_wait.h"
#include "tests/load/report.h"
#include "tests/support/api.h"
#include "tests/support/child_process.h"
#include "tests/support/eventually.h"
#include "tests/support/postgres_server.h"
#include "tests/support/service_process.h"
#include "tests/support/temporary_directory.h"

namespace tests {
namespace {

using std::chrono::steady_clock;

constexpr const char* kInvoiceApp = BINARIES "/invoice-app";
constexpr const char* kMakeInvoices = R"sql(
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
    INSERT INTO invoices (id, amount_minor, currency, state, refusal)
    SELECT 'INV-' || (i * 7919 % 1000003) || '-' || i, i, substr('EURGBPDKK', 1 + 3 * (i % 3), 3),
      i % 4, CASE i % 4 WHEN 3 THEN 'this customer has no credit' END
    FROM n)sql";

// Whether both files have the same invoices.
bool is_equal(const std::string& one, const std::string& other) {
  SQLite::Database database(one, SQLite::OPEN_READONLY);
  SQLite::Statement attach(database, "ATTACH ?1 AS other");
  attach.bind(1, other);
  attach.exec();
  const int rows = database.execAndGet("SELECT count(*) FROM invoices");
  // Rows with an equal sequence; "IS" is true for two NULLs too.
  const int equal = database.execAndGet(
      "SELECT count(*) FROM main.invoices AS a JOIN other.invoices AS b USING (sequence) WHERE "
      "(a.id, a.amount_minor, a.currency, a.state, a.generation, a.attempt, a.claimable_at_ms) = "
      "(b.id, b.amount_minor, b.currency, b.state, b.generation, b.attempt, b.claimable_at_ms) "
      "AND a.lease_owner IS b.lease_owner AND a.refusal IS b.refusal");
  return equal == rows &&
         database.execAndGet("SELECT count(*) FROM other.invoices").getInt() == rows;
}

class Copy {
 public:
  explicit Copy(int rows) : rows_(rows) {
    ServiceProcess app(kInvoiceApp,
                       {{"DATABASE_URL", "sqlite:" + source_}, {"SEED_INVOICES", "false"}}, log_);
    app.await_ready();
    app.stop();
    SQLite::Database database(source_, SQLite::OPEN_READWRITE);
    SQLite::Statement insertion(database, kMakeInvoices);
    insertion.bind(1, rows_);
    insertion.exec();
  }

  void run(Report& report) {
    const std::string postgres = server_.create_database();
    command(report, "copy to PostgreSQL", {"--copy", "sqlite:" + source_, postgres});
    command(report, "copy to SQLite", {"--copy", postgres, "sqlite:" + back_});
    const bool equal = is_equal(source_, back_);
    report.check(equal, "the rows", equal ? "as before" : "others", "as before");
    back_up(report, "SQLite", "sqlite:" + source_);
    back_up(report, "PostgreSQL", postgres);
    // Of the processes that have ended: the services and the commands.
    rusage children{};
    getrusage(RUSAGE_CHILDREN, &children);
    // AddressSanitizer keeps 256 MB of what was freed.
    constexpr long kMostKb = (kSlowdown > 1 ? 768L : 32L) * 1024;
    report.check(children.ru_maxrss < kMostKb, "memory", std::to_string(children.ru_maxrss) + " kB",
                 std::to_string(kMostKb) + " kB");
  }

 private:
  // While invoices are added.
  void back_up(Report& report, const std::string& kind, const std::string& url) {
    ServiceProcess app(kInvoiceApp, {{"DATABASE_URL", url}, {"SEED_INVOICES", "false"}}, log_);
    app.await_ready();
    std::atomic<bool> is_over = false;
    auto waits = std::async(std::launch::async, [&] {
      steady_clock::duration longest{};
      for (int i = 0; !is_over; ++i) {
        const auto begin = steady_clock::now();
        add_invoices(app.url(), "new" + std::to_string(i) + "-", 1);
        longest = std::max(longest, steady_clock::now() - begin);
      }
      return std::chrono::duration_cast<std::chrono::milliseconds>(longest);
    });
    const std::string file = directory_ / (kind + ".backup");
    command(report, "backup of " + kind, {"--backup", file}, {{"DATABASE_URL", url}});
    is_over = true;
    const auto wait = waits.get();
    report.check(wait < common::kLongestLockWait, "longest POST meanwhile",
                 std::to_string(wait.count()) + " ms", "under 3000 ms");
    app.stop();
    command(report, "verification", {"--verify", file});
  }

  void command(Report& report, const std::string& what, std::vector<std::string> arguments,
               const Variables& variables = {}) {
    arguments.insert(arguments.begin(), kInvoiceApp);
    const auto begin = steady_clock::now();
    ChildProcess process(std::move(arguments), variables, log_);
    std::optional<int> status;
    // Longer than ChildProcess waits.
    eventually([&] { return (status = process.poll_end()).has_value(); }, kMostTime);
    const std::chrono::duration<double> taken = steady_clock::now() - begin;
    const auto ms = static_cast<int>(taken.count() * 1000) + 1;
    report.check(status == 0, what,
                 status == 0 ? "in " + std::to_string(ms) + " ms, " +
                                   std::to_string(rows_ / ms * 1000LL) + " rows/s"
                             : process.log(),
                 "done");
  }

  static constexpr std::chrono::seconds kMostTime{300 * kSlowdown};

  const int rows_;
  const TemporaryDirectory directory_;
  const std::string source_ = directory_ / "source.db";
  const std::string back_ = directory_ / "back.db";
  const std::string log_ = directory_ / "log";
  PostgresServer server_{{{"fsync", "on"}}};
};

int run(const std::vector<std::string_view>& arguments) {
  int rows = 1'000'000;
  if (arguments.size() == 1) {
    const std::string_view text = arguments.front();
    const auto [end, error] = std::from_chars(text.begin(), text.end(), rows);
    if (error != std::errc() || end != text.end() || rows < 1) rows = 0;
  }
  if (arguments.size() > 1 || rows == 0) {
    std::cerr << "usage: copy [ROWS]\n";
    return 2;
  }
  Report report(false);
  const auto work = [&] { Copy(rows).run(report); };
  return report.run("copy of " + std::to_string(rows) + " invoices", work) ? 0 : 1;
}

}  // namespace
}  // namespace tests

// NOLINTNEXTLINE(bugprone-exception-escape): Report::run() catches them
int main(int argc, char** argv) { return tests::run({argv + 1, argv + argc}); }
