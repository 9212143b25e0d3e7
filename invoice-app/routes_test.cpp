#include "invoice-app/routes.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "invoice-app/testing/fake_invoice_store.h"
#include "invoice-app/testing/fake_payment_gateways.h"
#include "invoice-app/testing/worker_options.h"
#include "tests/support/bad_payables.h"
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

  FakeInvoiceStore store_;
  FakePaymentGateways gateways_;
  prometheus::Registry registry_;
  PayMetrics metrics_{registry_};
  const common::SystemClock clock_{};
  PaymentWorkers workers_{store_, gateways_.factory(), clock_, metrics_, worker_options()};
  PayInvoices pay_invoices_{store_, workers_, {.longest_wait = std::chrono::seconds(20)}};
  Routes routes_{store_, pay_invoices_};
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
  for (const char* is_paid : {"true", "null", "0", R"("false")", "[]"}) {
    const std::string bad =
        R"({"InvoiceId":"I1","Value":1,"Currency":"EUR","IsPaid":)" + std::string(is_paid) + "}";
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
  Routes routes(store_, impatient);
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
  for (const Call call : {Call::kAdd, Call::kList, Call::kRequestPayment}) store_.fail(call);
  for (const HttpResponse& response : {add(kI1), client_.get("/invoices"), pay()}) {
    EXPECT_EQ(problem(response), "503 about:blank");
    EXPECT_EQ(header(response, "Retry-After"), "1");
  }
  store_.repair();
  EXPECT_EQ(pay().status, 200);
}

TEST_F(InvoiceRoutes, OtherPathsAndMethodsAreRefused) {
  for (const char* path : {"/", "/invoice", "/invoices/", "/invoices/I1", "/payments/pay", "/livez",
                           "/readyz", "/metrics"}) {
    EXPECT_EQ(problem(client_.get(path)), "404 about:blank") << path;
  }
  for (const char* method : {"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"}) {
    const auto response = client_.send(method, "/invoices", {}, kI1);
    EXPECT_EQ(problem(response), "405 about:blank") << method;
    EXPECT_EQ(header(response, "Allow"), "GET, HEAD, POST") << method;
  }
  for (const char* method : {"GET", "HEAD", "PUT"}) {
    const auto response = client_.send(method, "/invoices/pay", {}, "");
    EXPECT_EQ(problem(response), "405 about:blank") << method;
    EXPECT_EQ(header(response, "Allow"), "POST") << method;
  }
  EXPECT_EQ(store_.calls(Call::kAdd), 0);
  EXPECT_EQ(store_.calls(Call::kRequestPayment), 0);
}

}  // namespace
}  // namespace invoice_app
