// GET /payments with a query, GET /payments/{id} and GET /summary.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "payment-provider/payment_json.h"
#include "payment-provider/routes_fixture.h"

namespace payment_provider {
namespace {

using common::HttpResponse;
using nlohmann::json;
using tests::header;
using tests::problem;

using Ids = std::vector<std::string>;

class PaymentQueries : public PaymentRoutes {
 protected:
  void record(const std::string& id, std::int64_t value = 1215, const char* currency = "EUR",
              const std::string& refusal = "") {
    const PaymentOrder order{.idempotency_key = "k:" + id,
                             .invoice_id = id,
                             .amount = {value, common::Currency::find_any(currency).value()},
                             .refusal = refusal};
    ledger_.record({&order, 1});
  }

  HttpResponse get(const std::string& target) { return provider_.client().get(target); }

  Ids ids(const std::string& target) {
    Ids ids;
    for (const json& payment : json::parse(get(target).body)) ids.push_back(payment["id"]);
    return ids;
  }

  // The target of the next page; "" if there is none.
  static std::string next(const HttpResponse& response) {
    const std::string link = header(response, "Link");
    const std::string end = R"(>; rel="next")";
    if (!link.starts_with('<') || !link.ends_with(end)) return "";
    return link.substr(1, link.size() - 1 - end.size());
  }
};

TEST_F(PaymentQueries, APageShowsTheStatus) {
  record("I1");
  const std::string accepted =
      R"({"id":"I1","value":12.15,"currency":"EUR","idempotencyKey":"k:I1","status":"accepted",)"
      R"("acceptedAt":"2023-11-14T22:13:20.123Z"})";
  EXPECT_EQ(get("/payments?limit=10").body, '[' + accepted + "]\n");
  EXPECT_EQ(get("/payments/I1").body, accepted + '\n');
}

TEST_F(PaymentQueries, ARefusedPaymentHasItsReason) {
  record("I1", 5, "KWD", "no \"such\" \\ \xc3\xa9\n\xff");
  const std::string refused =
      R"({"id":"I1","value":0.005,"currency":"KWD","idempotencyKey":"k:I1","status":"refused",)"
      R"("refusedAt":"2023-11-14T22:13:20.123Z","detail":"no \"such\" \\ )"
      "\xc3\xa9\\n\xef\xbf\xbd\"}";
  EXPECT_EQ(get("/payments?status=refused").body, '[' + refused + "]\n");
  EXPECT_EQ(get("/payments/I1").body, refused + '\n');
}

TEST_F(PaymentQueries, FiltersAreCombined) {
  record("a");
  record("b", 1, "GBP");
  record("c", 1, "GBP", "no");
  record("d", 1, "EUR", "no");
  record("e", 1, "BGN");  // withdrawn
  EXPECT_EQ(ids("/payments?limit=10"), (Ids{"a", "b", "e"}));
  EXPECT_EQ(ids("/payments?status=accepted&currency=GBP"), Ids{"b"});
  EXPECT_EQ(ids("/payments?currency=GBP&status=refused"), Ids{"c"});
  EXPECT_EQ(ids("/payments?currency=BGN"), Ids{"e"});
  EXPECT_EQ(ids("/payments?currency=%45UR"), Ids{"a"});
  EXPECT_EQ(ids("/payments?status=refused"), (Ids{"c", "d"}));
}

TEST_F(PaymentQueries, LinksLeadThroughAllPages) {
  for (const char* id : {"e", "b", "d", "a", "c"}) record(id);
  record("y", 1, "EUR", "no");
  Ids read;
  std::size_t pages = 0;
  std::string target = "/payments?currency=EUR&limit=2";
  for (; !target.empty() && pages < 10; ++pages) {
    for (const std::string& id : ids(target)) read.push_back(id);
    target = next(get(target));
  }
  EXPECT_EQ(read, (Ids{"e", "b", "d", "a", "c"}));
  EXPECT_EQ(pages, 3U);
  EXPECT_EQ(header(get("/payments?limit=5"), "Link"), "no Link");
}

TEST_F(PaymentQueries, WithoutAQueryTheListIsAsBefore) {
  for (int i = 0; i < 150; ++i) record(std::to_string(i));
  const HttpResponse response = get("/payments");
  EXPECT_EQ(json::parse(response.body).size(), 150U);
  EXPECT_EQ(header(response, "Link"), "no Link");
  EXPECT_NE(header(response, "ETag"), "no ETag");
  EXPECT_EQ(response.body.find("status"), std::string::npos);
  EXPECT_EQ(ids("/payments?status=accepted").size(), 100U);
}

TEST_F(PaymentQueries, FaultyParametersAre400AndNamed) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"limit=0", "limit"},          {"limit=1001", "limit"},      {"limit=", "limit"},
      {"limit=1&limit=1", "limit"},  {"cursor=I1", "cursor"},      {"cursor=", "cursor"},
      {"cursor=-1", "cursor"},       {"order=id", "order"},        {"status=paid", "status"},
      {"status=Accepted", "status"}, {"currency=eur", "currency"}, {"currency=XXX", "currency"},
      {"currency=EUR+", "currency"}, {"Currency=EUR", "Currency"}, {"id=I1", "id"}};
  for (const auto& [query, name] : table) {
    const HttpResponse response = get("/payments?" + query);
    EXPECT_EQ(problem(response), "400 about:blank") << query;
    EXPECT_NE(response.body.find(name), std::string::npos) << response.body;
  }
  EXPECT_EQ(problem(get("/payments/I1?limit=1")), "400 about:blank");
  EXPECT_EQ(problem(get("/summary?currency=EUR")), "400 about:blank");
}

TEST_F(PaymentQueries, AnInvoiceWithoutADecisionIs404) {
  for (const std::string id : {"I1", "..", "PAY"}) {
    EXPECT_EQ(problem(get("/payments/" + id)), "404 about:blank") << id;
  }
}

TEST_F(PaymentQueries, TheSummaryHasCountsAndExactSums) {
  EXPECT_EQ(get("/summary").body, "[]\n");
  record("a", common::kMaxMinorUnits);
  record("b", 1);
  record("c", 100, "JPY", "no");
  EXPECT_EQ(get("/summary").body,
            R"([{"currency":"EUR","status":"accepted","count":2,"sum":10000000000000.00},)"
            R"({"currency":"JPY","status":"refused","count":1,"sum":100}])"
            "\n");
  const HttpResponse again =
      provider_.client().get("/summary", {{"If-None-Match", header(get("/summary"), "ETag")}});
  EXPECT_EQ(again.status, 304);
}

TEST(PaymentSummary, ShowsACurrencyThatThisProgramDoesNotKnowWithoutASum) {
  LedgerTotal total{.currency = "QQQ", .status = PaymentStatus::kAccepted, .count = 2, .sum = {}};
  total.sum.add(5);
  EXPECT_EQ(to_json({&total, 1}), "[{\"currency\":\"QQQ\",\"status\":\"accepted\",\"count\":2}]\n");
}

TEST_F(PaymentQueries, AreGuardedByTheToken) {
  Provider guarded(ledger_, {}, "s3cret");
  for (const char* target : {"/payments?limit=1", "/payments/I1", "/summary"}) {
    EXPECT_EQ(problem(guarded.client().get(target)), "401 about:blank") << target;
  }
}

TEST(PaymentQueriesUnavailable, AnUnavailableLedgerIs503) {
  BrokenLedger ledger;
  Provider provider(ledger);
  for (const char* target : {"/payments?limit=1", "/payments/I1", "/summary"}) {
    EXPECT_EQ(problem(provider.client().get(target)), "503 about:blank") << target;
  }
}

}  // namespace
}  // namespace payment_provider
