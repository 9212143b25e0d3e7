// Payments go on in the database that "--copy" has filled.

#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <variant>

#include "tests/support/api.h"
#include "tests/support/copy_fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_provider.h"
#include "tests/support/postgres_server.h"

namespace tests {
namespace {

// From this kind of database to the other one.
class Move : public CopyFixture, public testing::WithParamInterface<DatabaseKind> {
 protected:
  Move() : CopyFixture(GetParam()) {}

  std::string target(const std::string& name) const {
    if (GetParam() == DatabaseKind::kPostgres) {
      return "sqlite:" + (directory_ / (name + "-moved.db")).string();
    }
    return shared_postgres().create_database();
  }

  static json add(const ServiceProcess& app, const std::string& id, const std::string& currency) {
    const json invoice = {{"InvoiceId", id}, {"Value", 7}, {"Currency", currency}};
    return json::parse(
        expect_status(patient_client(app.url()).post("/invoices", {}, invoice.dump()), 201).body);
  }
};
INSTANTIATE_TEST_SUITE_P(From, Move,
                         testing::Values(DatabaseKind::kSqlite, DatabaseKind::kPostgres),
                         [](const auto& test) {
                           return test.param == DatabaseKind::kSqlite ? "Sqlite" : "Postgres";
                         });

TEST_P(Move, NoPaymentIsLostOrMadeTwice) {
  const Variables euros = {{"ACCEPTED_CURRENCIES", "EUR,GBP,DKK"}};
  auto provider = start_provider(euros);
  auto app = start_invoice_app(provider->url());
  add(*app, "refused", "USD");
  expect_status(pay(*app), 502);
  ASSERT_EQ(app->stop(), 0);

  // The provider accepts these payments, but invoice-app gets no response.
  FakeProvider silent([&provider](const FakeProvider::Request& request) {
    if (is_batch(request)) {
      patient_client(provider->url()).post("/payments/batch", {}, request.body);
    }
    return std::string();
  });
  app = start_invoice_app(silent.url());
  add_invoices(app->url(), "unknown", 100);
  expect_status(pay(*app), 503);
  ASSERT_TRUE(eventually([&] { return payments(*provider).size() == 103; }));
  ASSERT_EQ(app->kill(), -SIGKILL);  // its leases stay
  add(*start_invoice_app(silent.url()), "later", "EUR");
  ASSERT_EQ(provider->stop(), 0);

  const std::string invoices_url = target("invoices");
  const std::string payments_url = target("payments");
  expect_copy(INVOICE_APP_BINARY, database("invoices"), invoices_url);
  expect_copy(PAYMENT_PROVIDER_BINARY, database("payments"), payments_url);

  Variables moved = euros;
  moved["DATABASE_URL"] = payments_url;
  provider = start_provider(moved);
  EXPECT_EQ(payments(*provider).size(), 103U);
  app = start_invoice_app(provider->url(), {{"DATABASE_URL", invoices_url}});
  ASSERT_TRUE(eventually([&] {
    const auto result = pay(*app);
    const auto* reply = std::get_if<common::HttpReply>(&result);
    return reply != nullptr && reply->status == 502 && json::parse(reply->body)["Pending"] == 0;
  }));
  json expected = invoices(*app);
  EXPECT_EQ(expected.size(), 105U);
  std::erase_if(expected.get_ref<json::array_t&>(),
                [](const json& invoice) { return invoice["InvoiceId"] == "refused"; });
  EXPECT_EQ(expected, all_paid(expected));
  EXPECT_EQ(difference(expected, payments(*provider)), "");
  add(*app, "new", "EUR");  // gets a sequence of its own
  expect_status(pay(*app), 502);
  EXPECT_EQ(payments(*provider).size(), 105U);
}

}  // namespace
}  // namespace tests
