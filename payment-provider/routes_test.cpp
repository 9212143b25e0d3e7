#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "payment-provider/routes_fixture.h"
#include "tests/support/bad_payables.h"

namespace payment_provider {
namespace {

using common::HttpHeaders;
using common::HttpResponse;
using nlohmann::json;
using tests::header;
using tests::problem;

constexpr const char* kI1 = R"({"id":"I1","value":12.15,"currency":"EUR"})";
constexpr const char* kBatchOfI1 =
    R"([{"idempotencyKey":"k","id":"I1","value":12.15,"currency":"EUR"}])";
const std::string kFirst = "no " + std::string(kReplayed);

// ---- POST /payments/pay ----

TEST_F(PaymentRoutes, APaymentIsAcceptedAndListed) {
  const HttpResponse response = provider_.pay_with_key(kI1, "pay:I1:1");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(response.body, "{\"id\":\"I1\"}\n");
  EXPECT_EQ(header(response, kReplayed), kFirst);
  EXPECT_EQ(provider_.client().get("/payments").body,
            R"([{"id":"I1","value":12.15,"currency":"EUR","idempotencyKey":"pay:I1:1",)"
            R"("acceptedAt":"2023-11-14T22:13:20.123Z"}])"
            "\n");
}

TEST_F(PaymentRoutes, ARepeatedPaymentIsReplayedAndNotPaidTwice) {
  provider_.pay_with_key(kI1, "k");
  for (const char* same : {kI1, R"({"currency":"EUR","value":1.21500e1,"id":"I1","note":null})"}) {
    const HttpResponse again = provider_.pay_with_key(same, "k");
    EXPECT_EQ(again.status, 200);
    EXPECT_EQ(again.body, "{\"id\":\"I1\"}\n");
    EXPECT_EQ(header(again, kReplayed), "true");
  }
  EXPECT_EQ(provider_.payments().size(), 1U);
}

TEST_F(PaymentRoutes, AClientWithoutAKeyPaysAnInvoiceOnceToo) {
  EXPECT_EQ(header(provider_.pay(kI1), kReplayed), kFirst);
  EXPECT_EQ(header(provider_.pay(kI1), kReplayed), "true");
  EXPECT_EQ(header(provider_.pay(R"({"id":"I2","value":12.15,"currency":"EUR"})"), kReplayed),
            kFirst);
  EXPECT_EQ(problem(provider_.pay(R"({"id":"I1","value":12.16,"currency":"EUR"})")),
            "422 urn:problem:idempotency-key-reused");
  // With a different key it is still the same invoice.
  EXPECT_EQ(header(provider_.pay_with_key(kI1, "another"), kReplayed), "true");
  EXPECT_EQ(provider_.payments().size(), 2U);
}

TEST_F(PaymentRoutes, AKeyMeansTheSameQuotedUnquotedAndSentTwice) {
  provider_.pay_with_key(kI1, R"("k 1")");
  EXPECT_EQ(header(provider_.pay_with_key(kI1, "k 1"), kReplayed), "true");
  EXPECT_EQ(header(provider_.pay(kI1, {{"Idempotency-Key", "k 1"}, {"idempotency-key", "k 1"}}),
                   kReplayed),
            "true");
  EXPECT_EQ(provider_.payments()[0]["idempotencyKey"], "k 1");
}

TEST_F(PaymentRoutes, AKeyOfADifferentPaymentIsRefused) {
  provider_.pay_with_key(kI1, "k");
  for (const char* other : {R"({"id":"I2","value":12.15,"currency":"EUR"})",
                            R"({"id":"I1","value":12.16,"currency":"EUR"})",
                            R"({"id":"I1","value":12.15,"currency":"GBP"})"}) {
    const HttpResponse response = provider_.pay_with_key(other, "k");
    EXPECT_EQ(problem(response), "422 urn:problem:idempotency-key-reused") << other;
    EXPECT_EQ(header(response, kReplayed), kFirst);
  }
  EXPECT_EQ(provider_.payments().size(), 1U);
}

TEST_F(PaymentRoutes, AnInvoiceIsNotPaidAgainWithADifferentAmount) {
  provider_.pay_with_key(kI1, "k");
  EXPECT_EQ(problem(provider_.pay_with_key(R"({"id":"I1","value":99,"currency":"EUR"})", "other")),
            "422 urn:problem:amount-mismatch");
  EXPECT_EQ(provider_.payments().size(), 1U);
}

TEST_F(PaymentRoutes, ARefusalIsStoredSoARetryCanNotTurnItIntoAPayment) {
  const auto currency = [](const char* code) { return common::Currency::find(code).value(); };
  Provider strict(ledger_, {.accepted_currencies = {currency("GBP")}});
  const HttpResponse refused = strict.pay_with_key(kI1, "k");
  EXPECT_EQ(problem(refused), "422 urn:problem:payment-refused");
  EXPECT_NE(refused.body.find("payments in EUR are not accepted"), std::string::npos);
  EXPECT_EQ(header(refused, kReplayed), kFirst);

  const HttpResponse again = provider_.pay_with_key(kI1, "k");  // its rules accept the currency
  EXPECT_EQ(problem(again), "422 urn:problem:payment-refused");
  EXPECT_EQ(again.body, refused.body);
  EXPECT_EQ(header(again, kReplayed), "true");
  EXPECT_EQ(provider_.payments(), json::array());
  EXPECT_EQ(provider_.pay_with_key(kI1, "k2").status, 200);
  EXPECT_EQ(strict.pay_with_key(R"({"id":"I2","value":1,"currency":"GBP"})", "g").status, 200);
}

TEST_F(PaymentRoutes, APaymentInAWithdrawnCurrencyIsRefusedUnlessItIsInTheLedger) {
  const common::Money levs{1215, common::Currency::find_any("BGN").value()};
  const PaymentOrder earlier{
      .idempotency_key = "k", .invoice_id = "I1", .amount = levs, .refusal = {}};
  ledger_.record({&earlier, 1});
  const std::string old = R"({"id":"I1","value":12.15,"currency":"BGN"})";
  for (const char* key : {"k", "another"}) {
    const HttpResponse again = provider_.pay_with_key(old, key);
    EXPECT_EQ(again.status, 200);
    EXPECT_EQ(header(again, kReplayed), "true");
  }
  const std::string first = R"({"id":"I2","value":12.15,"currency":"BGN"})";
  for (const auto& replayed : {kFirst, std::string("true")}) {
    const HttpResponse refused = provider_.pay_with_key(first, "k2");
    EXPECT_EQ(problem(refused), "422 urn:problem:payment-refused");
    EXPECT_NE(refused.body.find("payments in BGN are not accepted"), std::string::npos);
    EXPECT_EQ(header(refused, kReplayed), replayed);
  }
  const json payments = provider_.payments();
  ASSERT_EQ(payments.size(), 1U);
  EXPECT_EQ(payments[0]["currency"], "BGN");
}

TEST_F(PaymentRoutes, BadPaymentsAreRefusedAndNothingIsWritten) {
  auto bad = tests::bad_payables({"id", "value", "currency"});
  bad.push_back("[" + std::string(kI1) + "]");  // one payment per call
  bad.emplace_back("[]");
  for (const std::string& body : bad) {
    EXPECT_EQ(problem(provider_.pay(body)), "400 about:blank") << body.substr(0, 200);
    EXPECT_EQ(problem(provider_.pay_with_key(body, "k")), "400 about:blank");
  }
  EXPECT_EQ(provider_.payments(), json::array());
  // Neither the key nor the key made of the id was recorded.
  EXPECT_EQ(header(provider_.pay_with_key(kI1, "k"), kReplayed), kFirst);
}

TEST_F(PaymentRoutes, BadKeysAreRefusedAndNothingIsWritten) {
  for (const std::string& key :
       {std::string(), std::string("\"\""), std::string(256, 'k'),
        '"' + std::string(256, 'k') + '"', std::string("tab\there"), std::string("\xc3\xa9"),
        std::string("\x7f"), std::string("nul\0", 4)}) {
    EXPECT_EQ(problem(provider_.pay_with_key(kI1, key)), "400 about:blank") << key;
  }
  EXPECT_EQ(problem(provider_.pay(kI1, {{"Idempotency-Key", "a"}, {"Idempotency-Key", "b"}})),
            "400 about:blank");
  EXPECT_EQ(provider_.payments(), json::array());
}

TEST_F(PaymentRoutes, AKeyMayBeAnyPrintableTextAndIsListedAsValidJson) {
  const std::vector<std::string> keys = {std::string(255, 'k'), R"(back\slash "quoted" inside)",
                                         "~", R"(")", "' OR 1=1;--"};
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string body = R"({"id":"K)" + std::to_string(i) + R"(","value":1,"currency":"EUR"})";
    EXPECT_EQ(provider_.pay_with_key(body, keys[i]).status, 200) << keys[i];
  }
  const json payments = provider_.payments();
  ASSERT_EQ(payments.size(), keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(payments[i]["idempotencyKey"], keys[i]);
  }
}

TEST_F(PaymentRoutes, OnlyJsonOfAtMost16KibibytesIsAccepted) {
  const std::string body = kI1;
  EXPECT_EQ(problem(provider_.client().send("POST", "/payments/pay", {}, body)), "415 about:blank");
  EXPECT_EQ(problem(provider_.client().send("POST", "/payments/pay",
                                            {{"Content-Type", "text/plain"}}, body)),
            "415 about:blank");
  constexpr std::size_t kMax = 16 * 1024;
  EXPECT_EQ(problem(provider_.pay(body + std::string(kMax + 1 - body.size(), ' '))),
            "413 about:blank");
  EXPECT_EQ(provider_.payments(), json::array());
  EXPECT_EQ(provider_.pay(body + std::string(kMax - body.size(), ' ')).status, 200);
}

// ---- GET /payments ----

TEST_F(PaymentRoutes, AnEmptyLedgerIsAnEmptyArray) {
  EXPECT_EQ(provider_.client().get("/payments").body, "[]\n");
}

TEST_F(PaymentRoutes, ALongLedgerIsShownOldestFirst) {
  std::vector<PaymentOrder> orders;
  for (int i = 0; i < 2500; ++i) {
    orders.push_back({.idempotency_key = "k" + std::to_string(i),
                      .invoice_id = "I" + std::to_string(i),
                      .amount = {i + 1, common::Currency::find("EUR").value()},
                      .refusal = {}});
  }
  ledger_.record(orders);
  const json payments = provider_.payments();
  ASSERT_EQ(payments.size(), orders.size());
  for (std::size_t i = 0; i < orders.size(); ++i) {
    ASSERT_EQ(payments[i]["id"], orders[i].invoice_id);
  }
}

TEST_F(PaymentRoutes, AClientThatHasTheListGets304) {
  const std::string etag = header(provider_.client().get("/payments"), "ETag");
  const HttpHeaders has_it = {{"If-None-Match", etag}};
  EXPECT_EQ(provider_.client().get("/payments", has_it).status, 304);
  provider_.pay(kI1);
  EXPECT_EQ(provider_.client().get("/payments", has_it).status, 200);
}

// ---- All paths ----

TEST_F(PaymentRoutes, WithATokenEveryRequestMustHaveIt) {
  Provider guarded(ledger_, {}, "s3cret");
  const std::vector<HttpHeaders> wrong = {
      {},
      {{"Authorization", ""}},
      {{"Authorization", "s3cret"}},
      {{"Authorization", "Bearer"}},
      {{"Authorization", "Bearer "}},
      {{"Authorization", "Bearer s3cre"}},
      {{"Authorization", "Bearer s3cret2"}},
      {{"Authorization", "Bearer S3CRET"}},
      {{"Authorization", "Basic s3cret"}},
      {{"X-Authorization", "Bearer s3cret"}},
      {{"Authorization", "Bearer s3cret"}, {"Authorization", "Bearer other"}}};
  for (const HttpHeaders& headers : wrong) {
    // Unknown paths too: without the token a client learns nothing.
    for (const HttpResponse& response :
         {guarded.pay(kI1, headers), guarded.pay_batch(kBatchOfI1, headers),
          guarded.client().get("/payments", headers), guarded.client().get("/nothing", headers)}) {
      EXPECT_EQ(problem(response), "401 about:blank");
      EXPECT_EQ(header(response, "WWW-Authenticate"), "Bearer");
    }
  }
  EXPECT_EQ(provider_.payments(), json::array());
  // The case of the scheme is ignored (RFC 9110, section 11.1).
  for (const char* credentials : {"Bearer s3cret", "bearer s3cret", "BEARER s3cret"}) {
    const HttpHeaders right = {{"authorization", credentials}};
    EXPECT_EQ(guarded.pay(kI1, right).status, 200);
    EXPECT_EQ(guarded.client().get("/payments", right).status, 200);
    EXPECT_EQ(problem(guarded.client().get("/nothing", right)), "404 about:blank");
  }
}

TEST(PaymentRoutesUnavailable, AnUnavailableLedgerIs503WithRetryAfter) {
  BrokenLedger ledger;
  Provider provider(ledger);
  for (const HttpResponse& response :
       {provider.pay(kI1), provider.pay_batch(kBatchOfI1), provider.client().get("/payments")}) {
    EXPECT_EQ(problem(response), "503 about:blank");
    EXPECT_EQ(header(response, "Retry-After"), "1");
  }
}

TEST_F(PaymentRoutes, OtherPathsAndMethodsAreRefused) {
  auto& client = provider_.client();
  for (const char* path : {"/", "/payments/", "/payments/I1", "/payments/pay", "/payments/batch",
                           "/invoices", "/livez", "/metrics"}) {
    EXPECT_EQ(problem(client.get(path)), "404 about:blank") << path;
  }
  EXPECT_EQ(header(client.send("PUT", "/payments/pay", {}, ""), "Allow"), "GET, HEAD, POST");
  EXPECT_EQ(header(client.post("/payments", kI1), "Allow"), "GET, HEAD");
  EXPECT_EQ(problem(client.post("/payments", kI1)), "405 about:blank");
  EXPECT_EQ(provider_.payments(), json::array());
}

}  // namespace
}  // namespace payment_provider
