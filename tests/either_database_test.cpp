// What must be the same on SQLite and on PostgreSQL: both programs as processes of their own, one
// or three of each, on one database for each service.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <variant>
#include <vector>

#include "tests/support/api.h"
#include "tests/support/end_to_end_fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/raw_client.h"
#include "tests/support/service_process.h"

namespace tests {
namespace {

std::string kind_name(DatabaseKind kind) {
  return kind == DatabaseKind::kSqlite ? "Sqlite" : "Postgres";
}
std::string test_name(const testing::TestParamInfo<DatabaseKind>& test) {
  return kind_name(test.param);
}
const auto kEitherDatabase = testing::Values(DatabaseKind::kSqlite, DatabaseKind::kPostgres);

class Pair : public EndToEnd, public testing::WithParamInterface<DatabaseKind> {
 protected:
  Pair() : EndToEnd(GetParam()) {}
};
INSTANTIATE_TEST_SUITE_P(On, Pair, kEitherDatabase, test_name);

TEST_P(Pair, OneCallPaysEveryInvoiceOnce) {
  const auto provider = start_provider();
  const auto app = start_invoice_app(provider->url());
  EXPECT_EQ(invoices(*app), kSeedUnpaid);
  EXPECT_EQ(payments(*provider), json::array());

  const auto reply = expect_status(pay(*app), 200);
  EXPECT_EQ(json::parse(reply.body), json::parse(R"({"Paid": 3, "Refused": 0, "Pending": 0})"));

  EXPECT_EQ(invoices(*app), all_paid(kSeedUnpaid));
  const json ledger = payments(*provider);
  EXPECT_EQ(difference(kSeedUnpaid, ledger), "");

  const auto again = expect_status(pay(*app), 200);
  EXPECT_EQ(json::parse(again.body), json::parse(R"({"Paid": 0, "Refused": 0, "Pending": 0})"));
  EXPECT_EQ(payments(*provider), ledger);
}

TEST_P(Pair, OneInvoiceCanBePaidAndFound) {
  const auto provider = start_provider();
  const auto app = start_invoice_app(provider->url());
  const auto ask = [&](const std::string& line) {
    return RawClient(app->port()).ask(line + " HTTP/1.1\r\nHost: test\r\n\r\n");
  };
  const RawAnswer paid = ask("POST /invoices/I2/pay");
  EXPECT_EQ(paid.status, 200);
  const json invoice = json::parse(paid.body);
  EXPECT_EQ(invoice["InvoiceId"], "I2");
  EXPECT_EQ(invoice["Status"], "paid");
  EXPECT_EQ(invoice["Attempts"], 1);
  EXPECT_LE(invoice["CreatedAt"].get<std::string>(), invoice["PaidAt"].get<std::string>());
  EXPECT_EQ(ask("GET /invoices/I2").body, paid.body);
  EXPECT_EQ(payments(*provider).size(), 1U);

  EXPECT_EQ(json::parse(ask("GET /invoices?status=paid").body), json::array({invoice}));
  const RawAnswer page = ask("GET /invoices?status=unpaid&limit=1");
  EXPECT_EQ(json::parse(page.body).at(0)["InvoiceId"], "I1");
  EXPECT_EQ(page.header("Link"), "</invoices?status=unpaid&limit=1&cursor=1>; rel=\"next\"");
  EXPECT_EQ(ask("GET /invoices?status=due").status, 400);
  EXPECT_EQ(ask("GET /invoices/I4").status, 404);

  json sums;
  for (const json& total : json::parse(ask("GET /summary").body)) {
    if (total["Count"] > 0) sums[total["Currency"]][total["Status"]] = total["Sum"];
  }
  EXPECT_EQ(sums, json::parse(R"({"DKK": {"unpaid": 66.13}, "EUR": {"unpaid": 12.15},
                                  "GBP": {"paid": 10.25}})"));
}

TEST_P(Pair, ARestartKeepsEverything) {
  auto provider = start_provider();
  auto app = start_invoice_app(provider->url());
  expect_status(pay(*app), 200);
  add_invoices(app->url(), "R", 1);
  const json before = invoices(*app);
  const json ledger = payments(*provider);

  ASSERT_EQ(app->stop(), 0);
  ASSERT_EQ(provider->kill(), -SIGKILL);
  provider = start_provider();
  app = start_invoice_app(provider->url());
  EXPECT_EQ(invoices(*app), before);
  EXPECT_EQ(payments(*provider), ledger);
}

TEST_P(Pair, TheLedgerCanBeSearched) {
  const auto provider = start_provider({{"ACCEPTED_CURRENCIES", "EUR,GBP"}});
  const auto app = start_invoice_app(provider->url());
  expect_status(pay(*app), 502);
  const auto get = [&](const std::string& target) {
    return RawClient(provider->port()).ask("GET " + target + " HTTP/1.1\r\nHost: test\r\n\r\n");
  };
  const RawAnswer page = get("/payments?limit=1");
  EXPECT_EQ(json::parse(page.body).at(0)["id"], "I1");
  EXPECT_EQ(page.header("Link"), "</payments?limit=1&cursor=1>; rel=\"next\"");
  const RawAnswer last = get("/payments?limit=1&cursor=1");
  EXPECT_EQ(last.header("Link"), "");
  const json paid = json::parse(last.body).at(0);
  EXPECT_EQ(paid["status"], "accepted");
  EXPECT_EQ(paid, json::parse(get("/payments/I2").body));

  const json refused = json::parse(get("/payments?status=refused").body);
  EXPECT_EQ(refused, json::array({json::parse(get("/payments/I3").body)}));
  EXPECT_EQ(refused.at(0)["detail"], "payments in DKK are not accepted");
  EXPECT_EQ(get("/payments/I4").status, 404);
  EXPECT_EQ(get("/summary").body, R"([{"currency":"DKK","status":"refused","count":1,"sum":66.13},)"
                                  R"({"currency":"EUR","status":"accepted","count":1,"sum":12.15},)"
                                  R"({"currency":"GBP","status":"accepted","count":1,"sum":10.25}])"
                                  "\n");
}

// Three of each on two databases, as Kubernetes runs them; each invoice-app calls another provider.
class Replicas : public Pair {
 protected:
  static constexpr std::size_t kReplicas = 3;

  void SetUp() override {
    for (std::size_t i = 0; i < kReplicas; ++i) {
      const std::string number = std::to_string(i);
      providers_.push_back(start("payment-provider-" + number, PAYMENT_PROVIDER_BINARY,
                                 {{"DATABASE_URL", database("payments")}}));
      apps_.push_back(start("invoice-app-" + number, INVOICE_APP_BINARY,
                            {{"DATABASE_URL", database("invoices")},
                             {"PAYMENT_PROVIDER_URL", providers_.back()->url()},
                             {"PAY_WAIT_SECONDS", "100"},  // sanitizers are slow
                             {"SEED_INVOICES", "false"}}));
    }
  }

  // Asks until the whole list comes: on a busy machine a read may wait for a lock for too long.
  static json list(const ServiceProcess& service, const std::string& path) {
    json listed;
    EXPECT_TRUE(eventually([&] {
      const auto result = patient_client(service.url()).get(path);
      const auto* reply = std::get_if<common::HttpReply>(&result);
      const bool is_whole = reply != nullptr && reply->status == 200;
      if (is_whole) listed = json::parse(reply->body);
      return is_whole;
    }));
    return listed;
  }

  std::vector<std::unique_ptr<ServiceProcess>> providers_;
  std::vector<std::unique_ptr<ServiceProcess>> apps_;
};
INSTANTIATE_TEST_SUITE_P(On, Replicas, kEitherDatabase, test_name);

TEST_P(Replicas, ConcurrentCallsShareTheWorkAndEachWaitsForWhatWasDueWhenItBegan) {
  constexpr int kInvoices = 20'000;  // so that the run lasts until all have joined
  constexpr std::size_t kCallers = 6;
  add_invoices(apps_[0]->url(), "W", kInvoices);
  std::vector<std::thread> callers;
  for (std::size_t i = 0; i < kCallers; ++i) {
    callers.emplace_back([this, i] {
      const json report = json::parse(expect_status(pay(*apps_[i % kReplicas]), 200).body);
      EXPECT_EQ(report["Pending"], 0);
      // Whichever replica is asked: all that was due is paid by the time of the answer.
      const json listed = invoices(*apps_[(i + 1) % kReplicas]);
      EXPECT_EQ(listed, all_paid(listed));
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(difference(invoices(*apps_[0]), payments(*providers_[0])), "");
  // Shared: each paid some, and nobody sent what another had.
  std::int64_t paid = 0;
  for (const auto& app : apps_) {
    EXPECT_GT(attempts(*app, "paid"), 0);
    paid += attempts(*app, "paid");
  }
  EXPECT_EQ(paid, kInvoices);
}

TEST_P(Replicas, AClientThatHangsUpChangesNothing) {
  constexpr int kInvoices = 3000;
  add_invoices(apps_[0]->url(), "H", kInvoices);
  for (const auto& app : apps_) {
    EXPECT_TRUE(RawClient(app->port()).send("POST /invoices/pay HTTP/1.1\r\nHost: test\r\n\r\n"));
  }
  EXPECT_TRUE(all_get_paid(apps_[0]->url()));
  const json ledger = payments(*providers_[0]);
  for (const auto& app : apps_) {
    EXPECT_EQ(difference(invoices(*app), ledger), "");
    const json again = json::parse(expect_status(pay(*app), 200).body);
    EXPECT_EQ(again, json::parse(R"({"Paid": 0, "Refused": 0, "Pending": 0})"));
  }
  EXPECT_EQ(payments(*providers_[0]), ledger);
}

using Ids = std::set<std::string>;

Ids ids_of_paid(const json& invoices) {
  Ids ids;
  for (const json& invoice : invoices) {
    if (invoice["IsPaid"] == true) ids.insert(invoice["InvoiceId"]);
  }
  return ids;
}

Ids ids_of_payments(const json& ledger) {
  Ids ids;
  for (const json& payment : ledger) ids.insert(payment["id"]);
  return ids;
}

bool has_all(const Ids& ids, const Ids& expected) {
  return std::includes(ids.begin(), ids.end(), expected.begin(), expected.end());
}

TEST_P(Replicas, DuringARunEachListsAllThatAnotherHasListed) {
  std::size_t count = 0;
  Ids paid;
  Ids in_ledger;
  std::size_t lists_during_a_run = 0;
  // A run is short, so several are needed to list in the middle of one at each replica.
  for (std::size_t i = 0, run = 0; lists_during_a_run < kReplicas && run < 50; ++run) {
    add_invoices(apps_[0]->url(), "T" + std::to_string(run) + "-", 3000);
    count += 3000;
    auto call = std::async(std::launch::async, [this] { return pay(*apps_[0]); });
    for (; call.wait_for(std::chrono::seconds(0)) != std::future_status::ready; ++i) {
      const json listed = list(*apps_[i % kReplicas], "/invoices");
      const Ids paid_now = ids_of_paid(listed);
      const Ids in_ledger_now = ids_of_payments(list(*providers_[i % kReplicas], "/payments"));
      EXPECT_EQ(listed.size(), count);
      EXPECT_TRUE(has_all(paid_now, paid));
      EXPECT_TRUE(has_all(in_ledger_now, in_ledger));
      EXPECT_TRUE(has_all(in_ledger_now, paid_now));
      if (paid_now.size() > paid.size() && paid_now.size() < count) ++lists_during_a_run;
      paid = paid_now;
      in_ledger = in_ledger_now;
    }
    expect_status(call.get(), 200);
  }
  EXPECT_GE(lists_during_a_run, kReplicas);
  for (std::size_t i = 0; i < kReplicas; ++i) {
    const json listed = invoices(*apps_[i]);
    EXPECT_EQ(ids_of_paid(listed).size(), count);
    EXPECT_EQ(difference(listed, payments(*providers_[i])), "");
  }
}

TEST_P(Replicas, WhatOneConfirmsIsInTheNextListOfEach) {
  constexpr std::size_t kRounds = 20;
  for (std::size_t round = 0; round < kRounds; ++round) {
    const std::string id = "C" + std::to_string(round) + "-";
    add_invoices(apps_[round % kReplicas]->url(), id, 1);
    for (const auto& app : apps_) {
      const json listed = list(*app, "/invoices");
      ASSERT_EQ(listed.size(), round + 1);
      EXPECT_EQ(listed.back()["InvoiceId"], id + "0");
      EXPECT_EQ(ids_of_paid(listed).size(), round);
    }
    expect_status(pay(*apps_[(round + 1) % kReplicas]), 200);
    for (std::size_t i = 0; i < kReplicas; ++i) {
      EXPECT_EQ(difference(list(*apps_[i], "/invoices"), list(*providers_[i], "/payments")), "");
      EXPECT_EQ(ids_of_paid(list(*apps_[i], "/invoices")).size(), round + 1);
    }
  }
}

// SIGTERM or SIGKILL.
class EndedInTheMiddleOfARun : public EndToEnd,
                               public testing::WithParamInterface<std::tuple<DatabaseKind, int>> {
 protected:
  EndedInTheMiddleOfARun() : EndToEnd(std::get<DatabaseKind>(GetParam())) {}

  static int ending() { return std::get<int>(GetParam()); }
};

TEST_P(EndedInTheMiddleOfARun, AReplicaLeavesInvoicesUnpaidAndAnotherPaysThem) {
  constexpr int kInvoices = kSlowdown > 1 ? 10'000 : 40'000;  // so that the run lasts
  const auto provider = start_provider();
  const auto one = start_invoice_app(provider->url(), {{"SEED_INVOICES", "false"}});
  add_invoices(one->url(), "S", kInvoices);
  auto call = std::async(std::launch::async, [&] { return pay(*one); });
  ASSERT_TRUE(eventually([&] { return !payments(*provider).empty(); }));
  one->signal(ending());
  EXPECT_EQ(one->wait(), ending() == SIGTERM ? 0 : -ending());
  const auto result = call.get();
  const int left = kInvoices - static_cast<int>(payments(*provider).size());
  ASSERT_GT(left, 0) << "not in the middle of the run";

  const auto other = start_invoice_app(provider->url(), {{"SEED_INVOICES", "false"}});
  EXPECT_TRUE(all_get_paid(other->url()));
  EXPECT_EQ(difference(invoices(*other), payments(*provider)), "");
  if (ending() == SIGTERM) {  // it has settled all that it sent
    EXPECT_EQ(json::parse(expect_status(result, 202).body)["Refused"], 0);
    EXPECT_EQ(attempts(*other, "paid"), left);
  } else {  // the other sends again what was not settled
    EXPECT_TRUE(std::holds_alternative<common::HttpFailure>(result));
    EXPECT_GE(attempts(*other, "paid"), left);
  }
}

INSTANTIATE_TEST_SUITE_P(On, EndedInTheMiddleOfARun,
                         testing::Combine(kEitherDatabase, testing::Values(SIGTERM, SIGKILL)),
                         [](const auto& test) {
                           const auto kind = std::get<DatabaseKind>(test.param);
                           const int signal = std::get<int>(test.param);
                           return kind_name(kind) + (signal == SIGTERM ? "Stopped" : "Killed");
                         });

}  // namespace
}  // namespace tests
