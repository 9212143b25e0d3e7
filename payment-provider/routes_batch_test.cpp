// POST /payments/batch.

#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "common/http/limits.h"
#include "common/json/payable.h"
#include "payment-provider/routes_fixture.h"
#include "tests/support/bad_payables.h"

namespace payment_provider {
namespace {

using common::HttpResponse;
using nlohmann::json;
using tests::header;
using tests::problem;

PaymentRules only_gbp() { return {.accepted_currencies = {common::Currency::find("GBP").value()}}; }

// The results in short: id, key, status and type, and whether it is a replay.
std::vector<std::string> summary(const HttpResponse& response) {
  EXPECT_EQ(response.status, 207) << response.body;
  EXPECT_EQ(response.content_type, "application/json");
  std::vector<std::string> results;
  for (const json& result : json::parse(response.body)) {
    std::string text = result.at("id").get<std::string>() + ' ' +
                       result.at("idempotencyKey").get<std::string>() + ' ' +
                       result.at("status").dump();
    if (result.contains("type")) text += ' ' + result["type"].get<std::string>();
    if (result.contains("replayed")) text += " replayed=" + result["replayed"].dump();
    results.push_back(text);
  }
  return results;
}

using Summary = std::vector<std::string>;

TEST_F(PaymentRoutes, ABatchIsPaidInItsOrder) {
  const HttpResponse response = provider_.pay_batch(
      array({payment("k2", "I2", "10.25", "GBP"), payment("k1", "I1"), payment("k3", "I3")}));
  EXPECT_EQ(response.status, 207);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(response.body, R"([{"id":"I2","idempotencyKey":"k2","status":200},)"
                           R"({"id":"I1","idempotencyKey":"k1","status":200},)"
                           R"({"id":"I3","idempotencyKey":"k3","status":200}])"
                           "\n");
  EXPECT_EQ(header(response, kReplayed), "no " + std::string(kReplayed));
  const json payments = provider_.payments();
  ASSERT_EQ(payments.size(), 3U);
  EXPECT_EQ(payments[0]["id"], "I2");
  EXPECT_EQ(payments[0]["value"], 10.25);
  EXPECT_EQ(payments[0]["currency"], "GBP");
  EXPECT_EQ(payments[1]["idempotencyKey"], "k1");
  EXPECT_EQ(payments[2]["id"], "I3");
}

TEST_F(PaymentRoutes, ARepeatedBatchIsReplayedInAnyGrouping) {
  provider_.pay_batch(array({payment("k1", "I1"), payment("k2", "I2")}));
  EXPECT_EQ(summary(provider_.pay_batch(
                array({payment("k3", "I3"), payment("k2", "I2"), payment("k1", "I1", "1.215e1")}))),
            (Summary{"I3 k3 200", "I2 k2 200 replayed=true", "I1 k1 200 replayed=true"}));
  EXPECT_EQ(summary(provider_.pay_batch(array({payment("k3", "I3")}))),
            Summary{"I3 k3 200 replayed=true"});
  EXPECT_EQ(provider_.payments().size(), 3U);
}

TEST_F(PaymentRoutes, AKeyTwiceInABatchIsAReplay) {
  EXPECT_EQ(summary(provider_.pay_batch(
                array({payment("k", "I1"), payment("k", "I1"), payment("other", "I1")}))),
            (Summary{"I1 k 200", "I1 k 200 replayed=true", "I1 other 200 replayed=true"}));
  EXPECT_EQ(provider_.payments().size(), 1U);
}

TEST_F(PaymentRoutes, BatchesAndSinglePaymentsHaveTheSameKeys) {
  const std::string odd = R"(a "quoted" back\slash)";
  const std::string single = R"({"id":"I1","value":12.15,"currency":"EUR"})";
  provider_.pay_with_key(single, odd);
  EXPECT_EQ(summary(provider_.pay_batch(array({payment(odd, "I1"), payment("id:I2", "I2")}))),
            (Summary{"I1 " + odd + " 200 replayed=true", "I2 id:I2 200"}));
  const HttpResponse again = provider_.pay(R"({"id":"I2","value":12.15,"currency":"EUR"})");
  EXPECT_EQ(header(again, kReplayed), "true");
  EXPECT_EQ(provider_.payments().size(), 2U);
}

TEST_F(PaymentRoutes, AKeyOfABatchIsTakenAsItIs) {
  // Quotes belong to the key, as no header adds them.
  EXPECT_EQ(summary(provider_.pay_batch(array({payment(R"("k")", "I1"), payment("k", "I2")}))),
            (Summary{"I1 \"k\" 200", "I2 k 200"}));
  EXPECT_EQ(provider_.payments()[0]["idempotencyKey"], R"("k")");
}

TEST_F(PaymentRoutes, EachPaymentOfABatchIsDecidedOnItsOwn) {
  Provider strict(ledger_, only_gbp());
  const Summary decisions = {"I1 a 200",
                             "I2 b 422 urn:problem:payment-refused",
                             "I2 a 422 urn:problem:idempotency-key-reused",
                             "I1 c 422 urn:problem:amount-mismatch",
                             "I2 b 422 urn:problem:payment-refused replayed=true",
                             "I3 d 200"};
  EXPECT_EQ(summary(strict.pay_batch(array({payment("a", "I1", "1", "GBP"), payment("b", "I2"),
                                            payment("a", "I2"), payment("c", "I1", "2", "GBP"),
                                            payment("b", "I2"), payment("d", "I3", "1", "GBP")}))),
            decisions);
  EXPECT_EQ(provider_.payments().size(), 2U);
}

TEST_F(PaymentRoutes, ARefusalInABatchIsAProblemWithIdAndKey) {
  Provider strict(ledger_, only_gbp());
  const std::string refusal =
      R"({"id":"I1","idempotencyKey":"k \"1\"","type":"urn:problem:payment-refused",)"
      R"("title":"Unprocessable Content","status":422,)"
      R"("detail":"payments in EUR are not accepted")";
  EXPECT_EQ(strict.pay_batch(array({payment("k \"1\"", "I1")})).body, '[' + refusal + "}]\n");
  // The rules of `provider_` accept it, but the decision stays.
  const std::string again = provider_.pay_batch(array({payment("k \"1\"", "I1")})).body;
  EXPECT_EQ(again, '[' + refusal + R"(,"replayed":true}])" + '\n');
  // The single payment has the same members.
  json single = json::parse(
      provider_.pay_with_key(R"({"id":"I1","value":12.15,"currency":"EUR"})", "k \"1\"").body);
  single["id"] = "I1";
  single["idempotencyKey"] = "k \"1\"";
  EXPECT_EQ(single, json::parse(refusal + '}'));
}

TEST_F(PaymentRoutes, AWithdrawnCurrencyInABatchDoesNotAffectOtherPayments) {
  const json results = json::parse(
      provider_.pay_batch(array({payment("a", "I1", "1", "BGN"), payment("b", "I2")})).body);
  EXPECT_EQ(results.at(0).at("type"), "urn:problem:payment-refused");
  EXPECT_EQ(results.at(1).at("status"), 200);
}

TEST_F(PaymentRoutes, AMalformedPaymentRefusesItsBatchAndNothingIsWritten) {
  std::vector<std::string> bad = tests::bad_payables(common::kPaymentNames);
  for (std::string& element : bad) {
    if (element.starts_with("{\"")) element.insert(1, R"("idempotencyKey":"bad",)");
  }
  for (const char* key : {"null", "1", "true", R"([])", R"({"k":1})", R"("")", R"("tab\there")",
                          R"("\u00e9")", R"("\u007f")", R"("\u0000")"}) {
    bad.push_back(R"({"id":"I1","value":1,"currency":"EUR","idempotencyKey":)" + std::string(key) +
                  '}');
  }
  bad.push_back(payment(std::string(256, 'k'), "I1"));
  bad.emplace_back(R"({"id":"I1","value":1,"currency":"EUR"})");
  bad.push_back(array({payment("nested", "I1")}));
  for (const std::string& element : bad) {
    const std::string body = array({payment("k1", "I1"), element, payment("k3", "I3")});
    EXPECT_EQ(problem(provider_.pay_batch(body)), "400 about:blank") << body.substr(0, 200);
  }
  EXPECT_EQ(provider_.payments(), json::array());
  EXPECT_EQ(summary(provider_.pay_batch(array({payment("k1", "I1"), payment("bad", "I2")}))),
            (Summary{"I1 k1 200", "I2 bad 200"}));
}

TEST_F(PaymentRoutes, TheResponseNamesTheMalformedPaymentAndMember) {
  const auto detail = [&](const std::string& third) {
    const HttpResponse response =
        provider_.pay_batch(array({payment("k1", "I1"), payment("k2", "I2"), third}));
    return json::parse(response.body).at("detail").get<std::string>();
  };
  EXPECT_EQ(detail(R"({"id":"I3","value":1,"currency":"EUR"})"),
            "payment 3 of the array: idempotencyKey is missing");
  EXPECT_EQ(detail(R"({"idempotencyKey":7,"id":"I3","value":1,"currency":"EUR"})"),
            "payment 3 of the array: idempotencyKey must be a string of 1 to 255 printable ASCII "
            "characters");
  EXPECT_EQ(detail(payment("k3", "I3", "0")),
            "payment 3 of the array: value must be greater than 0");
  EXPECT_EQ(detail("[]"), "payment 3 of the array: expected a JSON object");
}

TEST_F(PaymentRoutes, ABatchHas1To1000Payments) {
  for (const std::string& body : {std::string("[]"), many(1001), std::string("{}"),
                                  payment("k", "I"), std::string("null"), std::string()}) {
    EXPECT_EQ(problem(provider_.pay_batch(body)), "400 about:blank") << body.substr(0, 100);
  }
  EXPECT_EQ(provider_.payments(), json::array());
  EXPECT_EQ(summary(provider_.pay_batch(many(1))), Summary{"I0 k0 200"});
  const Summary results = summary(provider_.pay_batch(many(1000)));
  ASSERT_EQ(results.size(), 1000U);
  EXPECT_EQ(results.front(), "I0 k0 200 replayed=true");
  EXPECT_EQ(results.back(), "I999 k999 200");
  EXPECT_EQ(provider_.payments().size(), 1000U);
}

TEST_F(PaymentRoutes, ABatchOfTheLongestPaymentsIsAccepted) {
  std::vector<std::string> elements;
  for (std::size_t i = 1000; i < 1000 + common::kMaxBatchPayments; ++i) {
    const std::string number = std::to_string(i);
    elements.push_back(payment(
        number + std::string(common::kMaxIdempotencyKeyBytes - number.size(), 'k'),
        number + std::string(common::kMaxIdBytes - number.size(), 'i'), "9999999999999.99"));
  }
  const HttpResponse response = provider_.pay_batch(array(elements));
  EXPECT_EQ(summary(response).size(), common::kMaxBatchPayments);
  EXPECT_LE(response.body.size(), common::kMaxBatchResponseBytes);
  EXPECT_EQ(provider_.payments().size(), common::kMaxBatchPayments);
}

TEST_F(PaymentRoutes, ABatchIsJsonOfLimitedSizeWithoutAnIdempotencyKeyOfItsOwn) {
  const std::string body = array({payment("k", "I1")});
  EXPECT_EQ(problem(provider_.client().send("POST", "/payments/batch", {}, body)),
            "415 about:blank");
  EXPECT_EQ(problem(provider_.pay_batch(body, {{"Idempotency-Key", "k"}})), "400 about:blank");
  const std::string spaces(common::kMaxBatchBodyBytes - body.size(), ' ');
  EXPECT_EQ(problem(provider_.pay_batch(body + spaces + ' ')), "413 about:blank");
  EXPECT_EQ(provider_.payments(), json::array());
  EXPECT_EQ(summary(provider_.pay_batch(body + spaces)), Summary{"I1 k 200"});
}

TEST_F(PaymentRoutes, ABatchThatCannotBeRecordedIs503) {
  BrokenLedger broken;
  Provider unavailable(broken);
  EXPECT_EQ(problem(unavailable.pay_batch(many(2))), "503 about:blank");
}

// Batches in both orders and single payments, of the same keys, from many clients.
TEST_F(PaymentRoutes, ConcurrentBatchesAndSinglePaymentsPayOnce) {
  constexpr int kClients = 4;
  constexpr std::size_t kInvoices = 100;
  const std::string forward = many(kInvoices);
  std::vector<std::string> reversed;
  for (std::size_t i = kInvoices; i > 0; --i) {
    reversed.push_back(payment("k" + std::to_string(i - 1), "I" + std::to_string(i - 1)));
  }
  const std::string backward = array(reversed);
  std::atomic<int> first = 0;
  std::atomic<int> replayed = 0;
  const auto count = [&](bool is_replay) { ++(is_replay ? replayed : first); };
  std::vector<std::thread> threads;
  for (int client = 0; client < kClients; ++client) {
    threads.emplace_back([&, client] {
      for (const json& result :
           json::parse(provider_.pay_batch(client % 2 == 0 ? forward : backward).body)) {
        count(result.contains("replayed"));
      }
    });
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < kInvoices; ++i) {
        const std::string id = "I" + std::to_string(i);
        const HttpResponse response = provider_.pay_with_key(
            R"({"id":")" + id + R"(","value":12.15,"currency":"EUR"})", "k" + std::to_string(i));
        count(header(response, kReplayed) == "true");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(first, static_cast<int>(kInvoices));
  EXPECT_EQ(replayed, static_cast<int>(kInvoices) * (2 * kClients - 1));
  EXPECT_EQ(provider_.payments().size(), kInvoices);
}

}  // namespace
}  // namespace payment_provider
