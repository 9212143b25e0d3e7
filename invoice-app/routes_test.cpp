#include "invoice-app/routes.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "invoice-app/invoice_json.h"
#include "invoice-app/testing/fake_invoice_store.h"
#include "invoice-app/testing/fake_payment_gateways.h"
#include "invoice-app/testing/worker_options.h"
#include "tests/support/bad_payables.h"
#include "tests/support/fake_clock.h"
#include "tests/support/router_client.h"

namespace invoice_app {
namespace {

using common::HttpResponse;
using nlohmann::json;
using std::chrono::milliseconds;
using tests::header;
using tests::problem;
using Call = FakeInvoiceStore::Call;
using Kind = PaymentAnswer::Kind;

constexpr const char* kI1 = R"({"InvoiceId":"I1","Value":12.15,"Currency":"EUR"})";
constexpr const char* kI1AsShown =
    R"({"InvoiceId":"I1","Value":12.15,"Currency":"EUR","IsPaid":false})";

class InvoiceRoutes : public testing::Test {
 protected:
  InvoiceRoutes() { routes_.add_to(client_.router()); }

  HttpResponse add(const std::string& body) { return client_.post("/invoices", body); }
  HttpResponse pay() { return client_.send("POST", "/invoices/pay", {}, ""); }
  HttpResponse pay_one(const std::string& id) {
    return client_.send("POST", "/invoices/" + id + "/pay", {}, "");
  }
  json get_json(const std::string& target) { return json::parse(client_.get(target).body); }

  // The ids of the list at this target and of all pages that follow.
  std::vector<std::string> ids_of_pages(std::string target) {
    std::vector<std::string> ids;
    while (!target.empty()) {
      const HttpResponse response = client_.get(target);
      EXPECT_EQ(response.status, 200) << target;
      for (const json& invoice : json::parse(response.body)) ids.push_back(invoice["InvoiceId"]);
      const std::string link = header(response, "Link");
      target = link.starts_with('<') ? link.substr(1, link.find('>') - 1) : "";
    }
    return ids;
  }
  std::string list() { return client_.get("/invoices").body; }

  // Adds I1 .. I<count>.
  void add_invoices(int count) {
    json invoices = json::array();
    for (int i = 1; i <= count; ++i) {
      invoices.push_back(
          {{"InvoiceId", "I" + std::to_string(i)}, {"Value", i}, {"Currency", "EUR"}});
    }
    ASSERT_EQ(add(invoices.dump()).status, 201);
  }

  const tests::FakeClock store_clock_;
  FakeInvoiceStore store_{store_clock_};
  FakePaymentGateways gateways_;
  prometheus::Registry registry_;
  PayMetrics metrics_{registry_};
  const common::SystemClock clock_{};
  PaymentWorkers workers_{store_, gateways_.factory(), clock_, metrics_, worker_options()};
  PayInvoices pay_invoices_{store_, workers_, {.longest_wait = std::chrono::seconds(20)}};
  PayAndWatch pay_and_watch_{store_, workers_};
  Routes routes_{store_, pay_invoices_, pay_and_watch_, {registry_, "add"}};
  tests::RouterClient client_;
};

// ---- POST /invoices ----

TEST_F(InvoiceRoutes, AnInvoiceThatIsSentAgainIsAddedOnce) {
  const HttpResponse first = add(kI1);
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(first.content_type, "application/json");
  EXPECT_EQ(first.body, std::string(kI1AsShown) + "\n");
  const HttpResponse again = add(kI1);
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.body, first.body);
  // The same amount in a different form, and the invoice as GET shows it.
  EXPECT_EQ(add(R"({"Currency":"EUR","Value":1.2150e1,"InvoiceId":"I1"})").status, 200);
  EXPECT_EQ(add(kI1AsShown).status, 200);
  EXPECT_EQ(list(), "[" + std::string(kI1AsShown) + "]\n");
}

TEST_F(InvoiceRoutes, AnInvoiceInAWithdrawnCurrencyIsListedAndPaidButNotAdded) {
  const std::string shown = R"({"InvoiceId":"old","Value":12.15,"Currency":"BGN","IsPaid":)";
  const std::vector<NewInvoice> stored = {
      {"old", {1215, common::Currency::find_any("BGN").value()}}};
  store_.add({&stored, 1});
  EXPECT_EQ(list(), "[" + shown + "false}]\n");
  EXPECT_EQ(problem(add(R"({"InvoiceId":"new","Value":1,"Currency":"BGN"})")), "400 about:blank");
  EXPECT_EQ(pay().status, 200);
  EXPECT_EQ(list(), "[" + shown + "true}]\n");
}

TEST_F(InvoiceRoutes, AmountsAreShownWithTheDecimalsOfTheirCurrency) {
  const std::vector<std::pair<std::string, std::string>> values = {
      {R"("Value":10.5,"Currency":"EUR")", R"("Value":10.50,"Currency":"EUR")"},
      {R"("Value":0.01,"Currency":"EUR")", R"("Value":0.01,"Currency":"EUR")"},
      {R"("Value":1e2,"Currency":"JPY")", R"("Value":100,"Currency":"JPY")"},
      {R"("Value":0.005,"Currency":"KWD")", R"("Value":0.005,"Currency":"KWD")"},
      {R"("Value":9999999999999.99,"Currency":"EUR")",
       R"("Value":9999999999999.99,"Currency":"EUR")"},
      {R"("Value":999999999999999,"Currency":"JPY")",
       R"("Value":999999999999999,"Currency":"JPY")"},
      {R"("Value":10.5000000000,"Currency":"EUR")", R"("Value":10.50,"Currency":"EUR")"}};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string id = R"({"InvoiceId":")" + std::to_string(i) + "\",";
    EXPECT_EQ(add(id + values[i].first + "}").body, id + values[i].second + ",\"IsPaid\":false}\n");
  }
}

TEST_F(InvoiceRoutes, AnIdHasAllAllowedCharactersAndUnknownMembersAreIgnored) {
  const std::string id = "AZaz09._-" + std::string(55, 'x');
  EXPECT_EQ(
      add(R"({"InvoiceId":")" + id + R"(","Value":1,"Currency":"EUR","note":[{"a":null}]})").status,
      201);
  EXPECT_EQ(store_.row(1).invoice.id, id);
}

TEST_F(InvoiceRoutes, AnArrayIsAddedAllOrNothing) {
  const std::string two = R"([{"InvoiceId":"A","Value":1,"Currency":"EUR"},)" + std::string(kI1);
  const HttpResponse added = add(two + "]");
  EXPECT_EQ(added.status, 201);
  EXPECT_EQ(json::parse(added.body).size(), 2U);
  EXPECT_EQ(add(two + "]").status, 200);
  // One of them is new: 201, and the response has all.
  const HttpResponse more = add(two + R"(,{"InvoiceId":"B","Value":1,"Currency":"EUR"}])");
  EXPECT_EQ(more.status, 201);
  EXPECT_EQ(json::parse(more.body).size(), 3U);
  EXPECT_EQ(store_.rows().size(), 3U);

  const HttpResponse conflict = add(R"([{"InvoiceId":"C","Value":1,"Currency":"EUR"},)"
                                    R"({"InvoiceId":"A","Value":2,"Currency":"EUR"}])");
  EXPECT_EQ(problem(conflict), "409 about:blank");
  EXPECT_NE(conflict.body.find("invoice A exists with a different amount"), std::string::npos);
  const HttpResponse bad = add(R"([{"InvoiceId":"C","Value":1,"Currency":"EUR"},)"
                               R"({"InvoiceId":"D","Value":0,"Currency":"EUR"}])");
  EXPECT_EQ(problem(bad), "400 about:blank");
  EXPECT_NE(bad.body.find("invoice 2 of the array: Value"), std::string::npos) << bad.body;
  EXPECT_EQ(store_.rows().size(), 3U);
}

TEST_F(InvoiceRoutes, AnEmptyArrayAddsNothing) {
  const HttpResponse response = add("[]");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "[]\n");
}

TEST_F(InvoiceRoutes, ADifferentAmountForAnExistingInvoiceIsAConflict) {
  add(kI1);
  for (const char* other : {R"({"InvoiceId":"I1","Value":12.16,"Currency":"EUR"})",
                            R"({"InvoiceId":"I1","Value":12.15,"Currency":"GBP"})"}) {
    EXPECT_EQ(problem(add(other)), "409 about:blank") << other;
  }
  EXPECT_EQ(list(), "[" + std::string(kI1AsShown) + "]\n");
}

TEST_F(InvoiceRoutes, BadInvoicesAreRefusedAndNothingIsWritten) {
  constexpr common::PayableNames names = {"InvoiceId", "Value", "Currency"};
  for (const std::string& bad : tests::bad_payables(names)) {
    EXPECT_EQ(problem(add(bad)), "400 about:blank") << bad.substr(0, 200);
    EXPECT_EQ(problem(add("[" + std::string(kI1) + "," + bad + "]")), "400 about:blank")
        << bad.substr(0, 200);
  }
  for (const char* is_paid : {R"("IsPaid":true)", R"("IsPaid":null)", R"("IsPaid":0)",
                              R"("IsPaid":"false")", R"("IsPaid":[])", R"("isPaid":true)"}) {
    const std::string bad =
        R"({"InvoiceId":"I1","Value":1,"Currency":"EUR",)" + std::string(is_paid) + "}";
    EXPECT_EQ(problem(add(bad)), "400 about:blank") << bad;
  }
  EXPECT_EQ(problem(add("[[" + std::string(kI1) + "]]")), "400 about:blank");
  EXPECT_EQ(store_.calls(Call::kAdd), 0);
}

TEST_F(InvoiceRoutes, OnlyJsonOfAtMostOneMebibyteIsAccepted) {
  const std::string json_body = kI1;
  for (const char* type : {"text/plain", "application/x-www-form-urlencoded", "application/jsonx",
                           "application/problem+json", ""}) {
    const auto response = client_.send("POST", "/invoices", {{"Content-Type", type}}, json_body);
    EXPECT_EQ(problem(response), "415 about:blank") << type;
  }
  EXPECT_EQ(problem(client_.send("POST", "/invoices", {}, json_body)), "415 about:blank");
  constexpr std::size_t kMax = 1024 * 1024;
  EXPECT_EQ(problem(add(json_body + std::string(kMax + 1 - json_body.size(), ' '))),
            "413 about:blank");
  EXPECT_EQ(store_.calls(Call::kAdd), 0);
  EXPECT_EQ(add(json_body + std::string(kMax - json_body.size(), ' ')).status, 201);
}

// ---- GET /invoices ----

TEST_F(InvoiceRoutes, AnEmptyListIsAnEmptyArray) {
  const HttpResponse response = client_.get("/invoices");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(response.body, "[]\n");
}

TEST_F(InvoiceRoutes, OnlyPaidInvoicesAreShownAsPaid) {
  gateways_.answer_with([](const Claim& claim, int) -> PaymentAnswer {
    return {claim.id == "I1" ? Kind::kPaid : Kind::kRefused};
  });
  add_invoices(2);
  pay();
  const json invoices = json::parse(list());
  EXPECT_EQ(invoices[0]["IsPaid"], true);
  EXPECT_EQ(invoices[1]["IsPaid"], false);
}

TEST_F(InvoiceRoutes, ALongListIsComplete) {
  for (const int count : {999, 1000, 1001, 2500}) {
    add_invoices(count);  // some of them a second time
    const json invoices = json::parse(list());
    ASSERT_EQ(invoices.size(), static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      ASSERT_EQ(invoices[static_cast<std::size_t>(i)]["InvoiceId"], "I" + std::to_string(i + 1));
    }
  }
}

TEST_F(InvoiceRoutes, TheListIsReadAgainOnlyAfterAChange) {
  add_invoices(1);
  const std::string before = list();
  const int reads = store_.calls(Call::kList);
  EXPECT_EQ(list(), before);
  EXPECT_EQ(store_.calls(Call::kList), reads);
  add_invoices(2);
  EXPECT_EQ(json::parse(list()).size(), 2U);
  pay();
  EXPECT_EQ(json::parse(list())[1]["IsPaid"], true);
}

TEST_F(InvoiceRoutes, AClientThatHasTheListGets304) {
  const std::string etag = header(client_.get("/invoices"), "ETag");
  const common::HttpHeaders has_it = {{"If-None-Match", etag}};
  const HttpResponse response = client_.get("/invoices", has_it);
  EXPECT_EQ(response.status, 304);
  EXPECT_EQ(header(response, "ETag"), etag);
  add_invoices(1);
  EXPECT_EQ(client_.get("/invoices", has_it).status, 200);
}

// ---- GET /invoices with a query ----

TEST_F(InvoiceRoutes, APageShowsDetails) {
  add_invoices(1);
  const json page = get_json("/invoices?limit=5");
  EXPECT_EQ(page, json::parse(R"([{"InvoiceId":"I1","Value":1.00,"Currency":"EUR","IsPaid":false,
      "Status":"unpaid","Attempts":0,"CreatedAt":"2023-11-14T22:13:20.123Z"}])"));
}

TEST_F(InvoiceRoutes, PagesFollowEachOtherToTheLast) {
  add_invoices(7);
  const std::vector<std::string> all = {"I1", "I2", "I3", "I4", "I5", "I6", "I7"};
  for (const char* limit : {"1", "3", "7", "8", "1000"}) {
    EXPECT_EQ(ids_of_pages(std::string("/invoices?limit=") + limit), all) << limit;
  }
  EXPECT_EQ(header(client_.get("/invoices?limit=2&prefix=I"), "Link"),
            "</invoices?limit=2&prefix=I&cursor=2>; rel=\"next\"");
  EXPECT_EQ(header(client_.get("/invoices?limit=7"), "Link"), "no Link");
}

TEST_F(InvoiceRoutes, APageHasWhatTheQuerySelects) {
  add_invoices(12);
  ASSERT_EQ(add(R"({"InvoiceId":"yen","Value":1,"Currency":"JPY"})").status, 201);
  gateways_.answer_with([](const Claim&, int) -> PaymentAnswer { return {Kind::kRefused, "no"}; });
  pay_one("I2");
  gateways_.answer_with([](const Claim&, int) -> PaymentAnswer { return {Kind::kPaid}; });
  pay_one("I1");
  pay_one("yen");
  using Ids = std::vector<std::string>;
  EXPECT_EQ(ids_of_pages("/invoices?status=paid&limit=1"), (Ids{"I1", "yen"}));
  EXPECT_EQ(ids_of_pages("/invoices?status=refused"), Ids{"I2"});
  EXPECT_EQ(ids_of_pages("/invoices?status=sending"), Ids{});
  EXPECT_EQ(ids_of_pages("/invoices?status=unpaid").size(), 10U);
  EXPECT_EQ(ids_of_pages("/invoices?currency=JPY"), Ids{"yen"});
  EXPECT_EQ(ids_of_pages("/invoices?currency=EUR&prefix=I1"), (Ids{"I1", "I10", "I11", "I12"}));
  EXPECT_EQ(ids_of_pages("/invoices?prefix=%49%31&status=paid"), Ids{"I1"});
  EXPECT_EQ(ids_of_pages("/invoices?currency=BGN"), Ids{});
}

TEST_F(InvoiceRoutes, AFaultyQueryIs400AndNamesTheParameter) {
  const std::vector<std::pair<std::string, std::string>> faults = {
      {"status=Paid", "status"},
      {"status=", "status"},
      {"currency=eur", "currency"},
      {"currency=XXX", "currency"},
      {"prefix=", "prefix"},
      {"prefix=a+b", "prefix"},
      {"prefix=%C3%A4", "prefix"},
      {"limit=0", "limit"},
      {"limit=1001", "limit"},
      {"limit=-1", "limit"},
      {"cursor=x", "cursor"},
      {"cursor=-1", "cursor"},
      {"stat=paid", "stat"},
      {"status=paid&status=paid", "status"},
      {"limit=99999999999999999999", "limit"}};
  for (const auto& [query, name] : faults) {
    const HttpResponse response = client_.get("/invoices?" + query);
    EXPECT_EQ(problem(response), "400 about:blank") << query;
    EXPECT_NE(response.body.find(name), std::string::npos) << response.body;
  }
  for (const char* target : {"/invoices/I1?a=b", "/summary?a=b"}) {
    EXPECT_EQ(problem(client_.get(target)), "400 about:blank") << target;
  }
  EXPECT_EQ(store_.calls(Call::kPage), 0);
}

// ---- GET /invoices/{id} and GET /summary ----

TEST_F(InvoiceRoutes, AnInvoiceHasWhatIsKnownOfIt) {
  add_invoices(2);
  gateways_.answer_with([](const Claim& claim, int) -> PaymentAnswer {
    return {claim.id == "I2" ? Kind::kRefused : Kind::kPaid, "not \"accepted\"\n<b>"};
  });
  pay();
  EXPECT_EQ(get_json("/invoices/I1"),
            json::parse(R"({"InvoiceId":"I1","Value":1.00,"Currency":"EUR","IsPaid":true,
      "Status":"paid","Attempts":1,"CreatedAt":"2023-11-14T22:13:20.123Z",
      "PaidAt":"2023-11-14T22:13:20.123Z"})"));
  const json refused = get_json("/invoices/I2");
  EXPECT_EQ(refused["Status"], "refused");
  EXPECT_EQ(refused["Refusal"], "not \"accepted\"\n<b>");
  EXPECT_EQ(refused["RefusedAt"], "2023-11-14T22:13:20.123Z");
  EXPECT_FALSE(refused.contains("PaidAt"));
  for (const char* path : {"/invoices/I3", "/invoices/i1", "/invoices/", "/invoices/I1/x"}) {
    EXPECT_EQ(problem(client_.get(path)), "404 about:blank") << path;
  }
}

TEST_F(InvoiceRoutes, TheSummaryHasAllStatusesOfEachCurrency) {
  EXPECT_EQ(client_.get("/summary").body, "[]\n");
  const std::vector<NewInvoice> stored = {
      {"1", {common::kMaxMinorUnits, common::Currency::find("EUR").value()}},
      {"2", {1, common::Currency::find("EUR").value()}},
      {"3", {5, common::Currency::find_any("BGN").value()}}};
  store_.add({&stored, 1});
  pay_one("3");
  EXPECT_EQ(client_.get("/summary").body,
            R"([{"Currency":"BGN","Status":"unpaid","Count":0,"Sum":0.00},)"
            R"({"Currency":"BGN","Status":"sending","Count":0,"Sum":0.00},)"
            R"({"Currency":"BGN","Status":"paid","Count":1,"Sum":0.05},)"
            R"({"Currency":"BGN","Status":"refused","Count":0,"Sum":0.00},)"
            R"({"Currency":"EUR","Status":"unpaid","Count":2,"Sum":10000000000000.00},)"
            R"({"Currency":"EUR","Status":"sending","Count":0,"Sum":0.00},)"
            R"({"Currency":"EUR","Status":"paid","Count":0,"Sum":0.00},)"
            R"({"Currency":"EUR","Status":"refused","Count":0,"Sum":0.00}])"
            "\n");
  const int reads = store_.calls(Call::kTotals);
  EXPECT_EQ(client_.get("/summary").status, 200);
  EXPECT_EQ(store_.calls(Call::kTotals), reads) << "nothing has changed";
}

TEST(InvoiceJson, ATotalInAnUnknownCurrencyHasNoSum) {
  std::string total;
  append_total(total, {.currency = "Q\"Q", .state = InvoiceState::kPaid, .count = 3, .sum = {}});
  EXPECT_EQ(total, R"({"Currency":"Q\"Q","Status":"paid","Count":3})");
}

// ---- POST /invoices/{id}/pay ----

TEST_F(InvoiceRoutes, PayingOneShowsItWhenItIsPaid) {
  add_invoices(2);
  const HttpResponse response = pay_one("I2");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, client_.get("/invoices/I2").body);
  EXPECT_EQ(json::parse(response.body)["Status"], "paid");
  EXPECT_EQ(pay_one("I2").body, response.body);
  EXPECT_EQ(get_json("/invoices/I1")["Status"], "unpaid");
  EXPECT_EQ(gateways_.calls(), 1);
  EXPECT_EQ(problem(pay_one("I3")), "404 about:blank");
  EXPECT_EQ(header(client_.get("/invoices/I1/pay"), "Allow"), "POST");
}

TEST_F(InvoiceRoutes, PayingOneAnswersWhyItIsNotPaid) {
  add_invoices(3);
  gateways_.answer_with([](const Claim&, int) -> PaymentAnswer { return {Kind::kRefused, "why"}; });
  const HttpResponse refused = pay_one("I1");
  EXPECT_EQ(problem(refused), "502 urn:problem:payment-refused");
  EXPECT_NE(refused.body.find("why"), std::string::npos);

  gateways_.answer_with(FakePaymentGateways::down);
  const HttpResponse unavailable = pay_one("I2");
  EXPECT_EQ(problem(unavailable), "503 urn:problem:provider-unavailable");
  EXPECT_EQ(header(unavailable, "Retry-After"), "2");

  store_.fail(Call::kRequestPaymentOf);
  EXPECT_EQ(problem(pay_one("I3")), "503 about:blank");
}

TEST_F(InvoiceRoutes, PayingOneAnswers202AfterTheWait) {
  PayInvoices impatient(store_, workers_, {.longest_wait = milliseconds(1)});
  Routes routes(store_, impatient, pay_and_watch_, {registry_, "add"});
  tests::RouterClient client;
  routes.add_to(client.router());
  gateways_.hold();
  add_invoices(1);
  const HttpResponse response = client.send("POST", "/invoices/I1/pay", {}, "");
  EXPECT_EQ(response.status, 202);
  EXPECT_EQ(json::parse(response.body)["IsPaid"], false);
  gateways_.let_all_continue();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
}

// ---- POST /invoices/pay ----

TEST_F(InvoiceRoutes, PayingAnswers200WhenAllArePaid) {
  EXPECT_EQ(pay().body, "{\"Paid\":0,\"Refused\":0,\"Pending\":0}\n");
  add_invoices(3);
  const HttpResponse response = pay();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(response.body, "{\"Paid\":3,\"Refused\":0,\"Pending\":0}\n");
  EXPECT_EQ(pay().body, "{\"Paid\":0,\"Refused\":0,\"Pending\":0}\n");
  EXPECT_EQ(gateways_.calls(), 3);
}

TEST_F(InvoiceRoutes, PayingAcceptsAnyBody) {
  add_invoices(1);
  EXPECT_EQ(client_.send("POST", "/invoices/pay", {}, "whatever").status, 200);
}

TEST_F(InvoiceRoutes, PayingAnswers202WhenSomeAreStillInProgressAfterTheWait) {
  PayInvoices impatient(store_, workers_, {.longest_wait = milliseconds(1)});
  Routes routes(store_, impatient, pay_and_watch_, {registry_, "add"});
  tests::RouterClient client;
  routes.add_to(client.router());
  gateways_.hold();
  add_invoices(2);
  const HttpResponse response = client.send("POST", "/invoices/pay", {}, "");
  EXPECT_EQ(response.status, 202);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(response.body, "{\"Paid\":0,\"Refused\":0,\"Pending\":2}\n");
  gateways_.let_all_continue();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
}

TEST_F(InvoiceRoutes, PayingAnswers502WhenTheProviderRefusedSome) {
  gateways_.answer_with([](const Claim& claim, int) -> PaymentAnswer {
    return {claim.id == "I2" ? Kind::kRefused : Kind::kPaid, "payments in EUR are not accepted"};
  });
  add_invoices(3);
  const HttpResponse response = pay();
  EXPECT_EQ(problem(response), "502 urn:problem:payment-refused");
  const json body = json::parse(response.body);
  EXPECT_EQ(body["Paid"], 2);
  EXPECT_EQ(body["Refused"], 1);
  EXPECT_EQ(body["Pending"], 0);
  EXPECT_EQ(header(response, "Retry-After"), "no Retry-After");
}

TEST_F(InvoiceRoutes, PayingAnswers503WhenTheProviderIsUnavailable) {
  gateways_.answer_with(FakePaymentGateways::down);
  add_invoices(8);
  const HttpResponse response = pay();
  EXPECT_EQ(problem(response), "503 urn:problem:provider-unavailable");
  EXPECT_EQ(header(response, "Retry-After"), "2");
  const json body = json::parse(response.body);
  EXPECT_EQ(body["Paid"], 0);
  EXPECT_EQ(body["Refused"], 0);
  EXPECT_EQ(body["Pending"], 8);
  EXPECT_NE(response.body.find("connection refused"), std::string::npos);
}

// ---- All paths ----

TEST_F(InvoiceRoutes, AnUnavailableStoreIs503WithRetryAfter) {
  add_invoices(1);
  for (const Call call :
       {Call::kAdd, Call::kList, Call::kRequestPayment, Call::kPage, Call::kFind, Call::kTotals}) {
    store_.fail(call);
  }
  for (const HttpResponse& response :
       {add(kI1), client_.get("/invoices"), pay(), client_.get("/invoices?limit=1"),
        client_.get("/invoices/I1"), client_.get("/summary")}) {
    EXPECT_EQ(problem(response), "503 about:blank");
    EXPECT_EQ(header(response, "Retry-After"), "1");
  }
  store_.repair();
  EXPECT_EQ(pay().status, 200);
}

TEST_F(InvoiceRoutes, OtherPathsAndMethodsAreRefused) {
  for (const char* path : {"/", "/invoice", "/invoices/", "/invoices/I1", "/invoices/pay",
                           "/payments/pay", "/livez", "/readyz", "/metrics"}) {
    EXPECT_EQ(problem(client_.get(path)), "404 about:blank") << path;
  }
  for (const char* method : {"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"}) {
    const auto response = client_.send(method, "/invoices", {}, kI1);
    EXPECT_EQ(problem(response), "405 about:blank") << method;
    EXPECT_EQ(header(response, "Allow"), "GET, HEAD, POST") << method;
  }
  const auto response = client_.send("PUT", "/invoices/pay", {}, "");
  EXPECT_EQ(problem(response), "405 about:blank");
  EXPECT_EQ(header(response, "Allow"), "GET, HEAD, POST");
  EXPECT_EQ(store_.calls(Call::kAdd), 0);
  EXPECT_EQ(store_.calls(Call::kRequestPayment), 0);
}

}  // namespace
}  // namespace invoice_app
