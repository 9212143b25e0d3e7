// Runs "invoice-app --audit" on very many invoices and payments, in SQLite and in PostgreSQL.
// Prints how long it takes, and whether memory stays within its limit and exactly the planted
// differences are found.
//
//   audit [ROWS]
//
// ROWS   how many invoices, and as many payments; from 100, no multiple of 7919; default: 1000000
//
// Exit status: 0 all is right, 1 something is not, 2 usage.

#include <SQLiteCpp/Database.h>
#include <sys/resource.h>

#include <charconv>
#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/load/report.h"
#include "tests/support/child_process.h"
#include "tests/support/eventually.h"
#include "tests/support/postgres_server.h"
#include "tests/support/service_process.h"
#include "tests/support/temporary_directory.h"

namespace tests {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

constexpr const char* kInvoiceApp = BINARIES "/invoice-app";
constexpr const char* kPaymentProvider = BINARIES "/payment-provider";

constexpr std::string_view kSqlite = "sqlite:";
bool is_sqlite(const std::string& url) { return url.starts_with(kSqlite); }

void execute(const std::string& url, const std::string& sql) {
  if (is_sqlite(url)) {
    SQLite::Database(url.substr(kSqlite.size()), SQLite::OPEN_READWRITE, 10'000).exec(sql);
  } else {
    PostgresServer::execute(url, sql);
  }
}

// The numbers i from 1 to `rows`, as a table.
std::string numbers(const std::string& url, int rows) {
  const std::string last = std::to_string(rows);
  return is_sqlite(url)
             ? "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + last +
                   ") SELECT i FROM n) AS n"
             : "(SELECT generate_series(1::BIGINT, " + last + ") AS i) AS n";
}

// Of the invoice with this number.
constexpr const char* kCurrency =
    "CASE number % 3 WHEN 0 THEN 'EUR' WHEN 1 THEN 'GBP' ELSE 'DKK' END";

void add_invoices(const std::string& url, int rows) {
  execute(url, std::string("INSERT INTO invoices (sequence, id, amount_minor, currency, state) "
                           "SELECT number, 'INV-' || number, number, ") +
                   kCurrency + ", 2 FROM (SELECT i AS number FROM " + numbers(url, rows) +
                   ") AS m");
}

// In another order than the invoices, so that each page has payments of invoices from everywhere.
void add_payments(const std::string& url, int rows) {
  execute(url, std::string("INSERT INTO payments (sequence, idempotency_key, invoice_id, "
                           "amount_minor, currency, decided_at_ms) "
                           "SELECT i, 'pay:INV-' || number || ':1', 'INV-' || number, number, ") +
                   kCurrency + ", 1764000000000 FROM (SELECT i, i * 7919 % " +
                   std::to_string(rows) + " + 1 AS number FROM " + numbers(url, rows) + ") AS m");
}

class Audit {
 public:
  Audit(std::string what, int rows, std::string invoices, std::string payments)
      : what_(std::move(what)), invoices_(std::move(invoices)), payments_(std::move(payments)) {
    start(kInvoiceApp, invoices_)->stop();
    provider_ = start(kPaymentProvider, payments_);
    add_invoices(invoices_, rows);
    add_payments(payments_, rows);
    // PostgreSQL does it within a minute. Before that, it plans for few payments, and sorts many
    // for each page.
    for (const std::string& url : {invoices_, payments_}) {
      if (!is_sqlite(url)) execute(url, "ANALYZE");
    }
  }

  void run(Report& report) {
    expect(report, "equal", 0,
           {{"PaidWithoutPayment", 0},
            {"PaymentWithoutInvoice", 0},
            {"PaymentOfUnpaidInvoice", 0},
            {"DifferentAmount", 0},
            {"PaidTwice", 0}});
    execute(payments_, "DELETE FROM payments WHERE invoice_id = 'INV-10'");
    execute(payments_, "UPDATE payments SET invoice_id = 'unknown' WHERE invoice_id = 'INV-20'");
    execute(invoices_, "UPDATE invoices SET state = 1 WHERE id IN ('INV-30', 'INV-31', 'INV-32')");
    execute(payments_,
            "UPDATE payments SET amount_minor = amount_minor + 1 WHERE invoice_id = 'INV-40'");
    execute(payments_, "DROP INDEX one_accepted_payment_per_invoice");
    execute(payments_,
            "UPDATE payments SET invoice_id = 'INV-50', amount_minor = 50, "
            "currency = 'DKK' WHERE invoice_id = 'INV-60'");
    expect(report, "different", 1,
           {{"PaidWithoutPayment", 3},
            {"PaymentWithoutInvoice", 1},
            {"PaymentOfUnpaidInvoice", 3},
            {"DifferentAmount", 1},
            {"PaidTwice", 1}});
  }

 private:
  std::unique_ptr<ServiceProcess> start(const char* binary, const std::string& database) const {
    auto service = std::make_unique<ServiceProcess>(
        binary, Variables{{"DATABASE_URL", database}, {"SEED_INVOICES", "false"}}, log_);
    service->await_ready();
    return service;
  }

  void expect(Report& report, const std::string& result, int status, const json& differences) {
    const auto begin = steady_clock::now();
    ChildProcess process({kInvoiceApp, "--audit"},
                         {{"DATABASE_URL", invoices_}, {"PAYMENT_PROVIDER_URL", provider_->url()}},
                         directory_ / "audit");
    std::optional<int> ended;
    // Longer than ChildProcess waits.
    eventually([&] { return (ended = process.poll_end()).has_value(); }, 10 * kMostTime);
    const std::chrono::duration<double> taken = steady_clock::now() - begin;
    const std::string log = process.log();
    const std::size_t object = log.rfind("\n{");
    const json found = ended == status && object != std::string::npos
                           ? json::parse(log.substr(object + 1))["Differences"]
                           : json();
    report.check(found == differences, what_ + ", " + result,
                 found == differences ? "as planted" : log, "as planted");
    report.check(taken < kMostTime, what_ + ", time", std::to_string(taken.count()) + " s",
                 std::to_string(kMostTime.count()) + " s");
  }

  static constexpr std::chrono::seconds kMostTime{30 * kSlowdown};

  const std::string what_;
  const std::string invoices_;
  const std::string payments_;
  const TemporaryDirectory directory_;
  const std::string log_ = directory_ / "log";
  std::unique_ptr<ServiceProcess> provider_;
};

void run_both(int rows, Report& report) {
  const TemporaryDirectory directory;
  PostgresServer server;
  Audit("SQLite", rows, "sqlite:" + (directory / "invoices.db").string(),
        "sqlite:" + (directory / "payments.db").string())
      .run(report);
  Audit("PostgreSQL", rows, server.create_database(), server.create_database()).run(report);
  // Of the processes that have ended: the audits and the services.
  rusage children{};
  getrusage(RUSAGE_CHILDREN, &children);
  // AddressSanitizer keeps 256 MB of what was freed.
  constexpr long kMostKb = (kSlowdown > 1 ? 768L : 64L) * 1024;
  report.check(children.ru_maxrss < kMostKb, "memory", std::to_string(children.ru_maxrss) + " kB",
               std::to_string(kMostKb) + " kB");
}

int run(const std::vector<std::string_view>& arguments) {
  int rows = 1'000'000;
  if (arguments.size() == 1) {
    const std::string_view text = arguments.front();
    const auto [end, error] = std::from_chars(text.begin(), text.end(), rows);
    if (error != std::errc() || end != text.end() || rows < 100 || rows % 7919 == 0) rows = 0;
  }
  if (arguments.size() > 1 || rows == 0) {
    std::cerr << "usage: audit [ROWS]\n";
    return 2;
  }
  Report report(false);
  const auto work = [&] { run_both(rows, report); };
  return report.run("audit of " + std::to_string(rows) + " invoices", work) ? 0 : 1;
}

}  // namespace
}  // namespace tests

// NOLINTNEXTLINE(bugprone-exception-escape): Report::run() catches them
int main(int argc, char** argv) { return tests::run({argv + 1, argv + argc}); }
