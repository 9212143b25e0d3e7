// "invoice-app --audit" against the real provider: planted differences of each kind, during
// payments, with databases that it must not change, and with responses that it must not trust.

#include <SQLiteCpp/Database.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/api.h"
#include "tests/support/child_process.h"
#include "tests/support/end_to_end_fixture.h"
#include "tests/support/fake_provider.h"
#include "tests/support/postgres_server.h"

namespace tests {
namespace {

struct Outcome {
  int status;
  std::string out;
  std::string err;

  json report() const { return json::parse(out); }
};

std::string content_of(const std::filesystem::path& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

class Audit : public EndToEnd, public testing::WithParamInterface<DatabaseKind> {
 protected:
  Audit() : EndToEnd(GetParam()) {}

  // The program has this environment, with the variables of the test's databases.
  Outcome audit(const std::string& provider_url, Variables environment = {}) {
    environment.try_emplace("DATABASE_URL", database("invoices"));
    environment.try_emplace("PAYMENT_PROVIDER_URL", provider_url);
    const std::string out = directory_ / "audit.out";
    const std::string err = directory_ / "audit.err";
    ChildProcess process(
        {"/bin/sh", "-c", R"(exec "$0" --audit >"$1" 2>"$2")", INVOICE_APP_BINARY, out, err},
        environment, directory_ / "audit.log");
    const int status = process.wait();
    return {status, content_of(out), content_of(err)};
  }

  // Runs SQL in one of the test's databases, next to the services.
  void change(const std::string& name, const std::string& sql) {
    const std::string url = database(name);
    if (GetParam() == DatabaseKind::kPostgres) {
      PostgresServer::execute(url, sql);
      return;
    }
    SQLite::Database file(url.substr(url.find(':') + 1), SQLite::OPEN_READWRITE, 10'000);
    file.exec(sql);
  }

  // The metrics of the audit, as a new replica exports them; without comments.
  std::string metrics(const ServiceProcess& provider, const Variables& environment = {}) {
    const auto replica = start_invoice_app(provider.url(), environment);
    std::istringstream text(
        expect_status(patient_client(replica->admin_url()).get("/metrics"), 200).body);
    std::string of_audit;
    for (std::string line; std::getline(text, line);) {
      if (line.starts_with("invoice_app_audit")) of_audit += line + '\n';
    }
    replica->stop();
    return of_audit;
  }

  static void accept(const ServiceProcess& provider, const std::string& id) {
    const json payment = {{"id", id}, {"value", 7}, {"currency", "EUR"}};
    expect_status(patient_client(provider.url()).post("/payments/pay", {}, payment.dump()), 200);
  }
};
INSTANTIATE_TEST_SUITE_P(On, Audit, testing::Values(DatabaseKind::kSqlite, DatabaseKind::kPostgres),
                         [](const auto& test) {
                           return test.param == DatabaseKind::kSqlite ? "Sqlite" : "Postgres";
                         });

TEST_P(Audit, SaysThatInvoicesAndLedgerAreEqual) {
  const auto provider = start_provider();
  const auto app = start_invoice_app(provider->url());
  add_invoices(app->url(), "A", 2'500);  // three pages
  expect_status(pay(*app), 200);
  add_invoices(app->url(), "unpaid", 3);
  const Outcome outcome = audit(provider->url());
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  const json report = outcome.report();
  EXPECT_EQ(report["Result"], "equal");
  EXPECT_EQ(report["Invoices"], 2'503);
  EXPECT_EQ(report["Payments"], 2'503);
  EXPECT_EQ(report["Unsettled"], 0);
  for (const auto& [kind, count] : report["Differences"].items()) EXPECT_EQ(count, 0) << kind;
  EXPECT_EQ(report["Sums"].size(), 3U);
  for (const json& sums : report["Sums"]) EXPECT_EQ(sums["Invoices"], sums["Payments"]);
  EXPECT_NE(outcome.err.find("DKK: paid invoices 66.13, payments 66.13\n"), std::string::npos);
}

TEST_P(Audit, FindsEachPlantedDifferenceAndNothingElse) {
  const auto provider = start_provider({{"ACCEPTED_CURRENCIES", "EUR,GBP"}});
  const auto app = start_invoice_app(provider->url());
  add_invoices(app->url(), "A", 1'200);
  expect_status(pay(*app), 502);  // I3 is refused
  add_invoices(app->url(), "U", 3);
  const auto find = [&](const std::string& kind, const std::string& id, int count = 1) {
    const Outcome outcome = audit(provider->url());
    EXPECT_EQ(outcome.status, 1) << kind;
    json expected = {{"PaidWithoutPayment", 0},
                     {"PaymentWithoutInvoice", 0},
                     {"PaymentOfUnpaidInvoice", 0},
                     {"DifferentAmount", 0},
                     {"PaidTwice", 0}};
    expected[kind] = count;
    EXPECT_EQ(outcome.report()["Result"], "different");
    EXPECT_EQ(outcome.report()["Differences"], expected) << outcome.err;
    EXPECT_NE(outcome.err.find("invoice " + id + ", "), std::string::npos) << outcome.err;
  };
  EXPECT_EQ(audit(provider->url()).status, 0);

  change("invoices", "UPDATE invoices SET state = 2 WHERE id IN ('U1', 'I3')");
  find("PaidWithoutPayment", "I3", 2);
  change("invoices", "UPDATE invoices SET state = 0 WHERE id IN ('U1', 'I3')");

  accept(*provider, "unknown");
  find("PaymentWithoutInvoice", "unknown");
  change("payments", "DELETE FROM payments WHERE invoice_id = 'unknown'");

  for (const char* amount :
       {"amount_minor = amount_minor + 1", "amount_minor = amount_minor - 1, currency = 'GBP'"}) {
    change("payments",
           std::string("UPDATE payments SET ") + amount + " WHERE invoice_id = 'A1100'");
    find("DifferentAmount", "A1100");
  }
  change("payments", "UPDATE payments SET currency = 'EUR' WHERE invoice_id = 'A1100'");

  change("payments", "DROP INDEX one_accepted_payment_per_invoice");
  change("payments",
         "INSERT INTO payments (sequence, idempotency_key, invoice_id, amount_minor, currency, "
         "decided_at_ms) SELECT 5000, 'again', invoice_id, amount_minor, currency, decided_at_ms "
         "FROM payments WHERE invoice_id = 'A7'");
  find("PaidTwice", "A7");
  change("payments", "DELETE FROM payments WHERE sequence = 5000");
  EXPECT_EQ(audit(provider->url()).status, 0);
}

TEST_P(Audit, APaymentOfAnUnpaidInvoiceIsADifferenceWhenItIsOld) {
  const auto provider = start_provider();
  const auto app = start_invoice_app(provider->url());
  const json invoice = {{"InvoiceId", "U"}, {"Value", 7}, {"Currency", "EUR"}};
  expect_status(patient_client(app->url()).post("/invoices", {}, invoice.dump()), 201);
  accept(*provider, "U");
  const Outcome recent = audit(provider->url());
  EXPECT_EQ(recent.status, 0);
  EXPECT_EQ(recent.report()["Unsettled"], 1);
  EXPECT_EQ(audit(provider->url(), {{"AUDIT_GRACE_MINUTES", "0"}}).status, 1);

  change("payments", "UPDATE payments SET decided_at_ms = decided_at_ms - 15 * 60 * 1000");
  const Outcome old = audit(provider->url());
  EXPECT_EQ(old.status, 1);
  EXPECT_EQ(old.report()["Differences"]["PaymentOfUnpaidInvoice"], 1);
  EXPECT_EQ(audit(provider->url(), {{"AUDIT_GRACE_MINUTES", "60"}}).status, 0);
  expect_status(pay(*app), 200);
  EXPECT_EQ(audit(provider->url()).status, 0);
}

TEST_P(Audit, FindsNothingWhilePaymentsGoOn) {
  const auto provider = start_provider();
  const auto app = start_invoice_app(provider->url(), {{"PAY_WAIT_SECONDS", "100"}});
  int audits_during_a_run = 0;
  for (int round = 0; audits_during_a_run < 5 && round < 20; ++round) {
    add_invoices(app->url(), "R" + std::to_string(round) + "-", 5'000);
    auto call = std::async(std::launch::async, [&] { return pay(*app); });
    while (call.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      const Outcome outcome = audit(provider->url());
      ASSERT_EQ(outcome.status, 0) << outcome.err;
      if (outcome.report()["Payments"] > round * 5'000) ++audits_during_a_run;
    }
    expect_status(call.get(), 200);
  }
  EXPECT_GE(audits_during_a_run, 5);
  const json report = audit(provider->url()).report();
  for (const json& sums : report["Sums"]) EXPECT_EQ(sums["Invoices"], sums["Payments"]);
}

TEST_P(Audit, ItsResultIsAMetricOfEveryReplicaUntilTheNextIsCompleted) {
  const auto provider = start_provider();
  const auto app = start_invoice_app(provider->url());
  expect_status(pay(*app), 200);
  EXPECT_EQ(metrics(*provider), "");
  EXPECT_EQ(audit(provider->url()).status, 0);
  const std::string equal = metrics(*provider);
  EXPECT_NE(equal.find("last_completion_timestamp_seconds 1"), std::string::npos) << equal;
  EXPECT_NE(equal.find("PaidTwice\"} 0\n"), std::string::npos) << equal;
  EXPECT_EQ(equal.find("} 1\n"), std::string::npos) << equal;

  accept(*provider, "unknown");
  EXPECT_EQ(audit("http://127.0.0.1:1").status, 2);
  EXPECT_EQ(metrics(*provider), equal) << "an audit that could not compare changes nothing";
  EXPECT_EQ(audit(provider->url()).status, 1);
  const std::string different = metrics(*provider);
  EXPECT_NE(different.find("PaymentWithoutInvoice\"} 1\n"), std::string::npos) << different;
  EXPECT_NE(different.find("PaidTwice\"} 0\n"), std::string::npos) << different;
  EXPECT_NE(different.substr(0, different.find('\n')), equal.substr(0, equal.find('\n')));
}

TEST_P(Audit, ACopyOfTheInvoicesHasNoResultYet) {
  const auto provider = start_provider();
  start_invoice_app(provider->url())->stop();
  EXPECT_EQ(audit(provider->url()).status, 0);
  EXPECT_NE(metrics(*provider), "");
  const std::string copy = "sqlite:" + (directory_ / "copy.db").string();
  ChildProcess process({INVOICE_APP_BINARY, "--copy", database("invoices"), copy}, {},
                       directory_ / "copy.log");
  EXPECT_EQ(process.wait(), 0);
  EXPECT_EQ(metrics(*provider, {{"DATABASE_URL", copy}}), "");
}

TEST_P(Audit, SaysThatItCouldNotRecordItsResultButPrintsIt) {
  const auto provider = start_provider();
  start_invoice_app(provider->url())->stop();
  change("invoices", "DROP TABLE audit");
  const Outcome outcome = audit(provider->url());
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.report()["Result"], "equal");
  EXPECT_NE(outcome.err.find("was not recorded: "), std::string::npos) << outcome.err;
}

TEST_P(Audit, ChangesNoDatabaseAndRefusesOneThatNeedsAMigration) {
  const auto provider = start_provider();
  const std::string missing = GetParam() == DatabaseKind::kSqlite
                                  ? "sqlite:" + (directory_ / "missing.db").string()
                                  : shared_postgres().create_database();
  Outcome outcome = audit(provider->url(), {{"DATABASE_URL", missing}});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_FALSE(std::filesystem::exists(directory_ / "missing.db"));
  outcome = audit(provider->url(), {{"DATABASE_URL", database("payments")}});
  EXPECT_EQ(outcome.status, 2);

  start_invoice_app(provider->url())->stop();
  EXPECT_EQ(audit(provider->url()).status, 0);
  change("invoices", GetParam() == DatabaseKind::kSqlite ? "PRAGMA user_version = 1"
                                                         : "UPDATE schema_version SET version = 1");
  outcome = audit(provider->url());
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.err.find("has schema version 1; this program needs version 2"),
            std::string::npos)
      << outcome.err;
}

class AuditOfAnUntrustedProvider : public Audit {
 protected:
  // Whether the audit says that it could not compare.
  void expect_failure(const std::string& provider_url, const std::string& text,
                      Variables environment = {}) {
    const Outcome outcome = audit(provider_url, std::move(environment));
    EXPECT_EQ(outcome.status, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err.find(text), std::string::npos) << outcome.err;
  }
};
INSTANTIATE_TEST_SUITE_P(On, AuditOfAnUntrustedProvider, testing::Values(DatabaseKind::kSqlite));

TEST_P(AuditOfAnUntrustedProvider, IsNeverEqual) {
  start_invoice_app("http://127.0.0.1:1")->stop();
  FakeProvider provider([](const auto&) { return std::string(); });
  const std::vector<std::pair<std::string, std::string>> table = {
      {"", "no complete answer"},
      {http_answer("400 Bad Request", "application/problem+json", "{}"), "older release"},
      {http_answer("200 OK", "application/json", "{}"), "faulty"},
      {http_answer("200 OK", "application/json", "[{}]"), "payment 1 of the array"},
      {http_answer("200 OK", "application/json", "[]", "Link: </next>\r\n"), "faulty Link"},
      {http_answer("200 OK", "application/json", "[]",
                   "Link: </payments?cursor=1>; rel=\"next\"\r\n"),
       "does not end"},
      {http_answer("200 OK", "text/html", "[]"), "not JSON"}};
  for (const auto& [answer, text] : table) {
    provider.set_answer([answer = answer](const auto&) { return answer; });
    expect_failure(provider.url(), text);
  }
  provider.set_answer([](const auto&) { return http_answer("200 OK", "application/json", "[]"); });
  EXPECT_EQ(audit(provider.url()).status, 0);
}

TEST_P(AuditOfAnUntrustedProvider, NeedsTheTokenAndFailsWithoutIt) {
  std::ofstream(directory_ / "token") << "s3cret";
  std::ofstream(directory_ / "other") << "0ther";
  const Variables token = {{"PROVIDER_TOKEN_FILE", directory_ / "token"}};
  const auto provider = start_provider(token);
  start_invoice_app(provider->url(), token)->stop();
  EXPECT_EQ(audit(provider->url(), token).status, 0);
  expect_failure(provider->url(), "HTTP 401");
  expect_failure(provider->url(), "HTTP 401", {{"PROVIDER_TOKEN_FILE", directory_ / "other"}});
  expect_failure(provider->url(), "AUDIT_GRACE_MINUTES", {{"AUDIT_GRACE_MINUTES", "-1"}});
  expect_failure(provider->url(), "PAYMENT_PROVIDER_URL", {{"PAYMENT_PROVIDER_URL", "https://p"}});
}

}  // namespace
}  // namespace tests
