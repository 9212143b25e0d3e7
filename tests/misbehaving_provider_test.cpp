// invoice-app with providers that answer wrongly, or not at all: to batches and to single payments.

#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "tests/support/api.h"
#include "tests/support/end_to_end_fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_provider.h"

namespace tests {
namespace {

struct Misbehaviour {
  const char* name;
  FakeProvider::Answer answer;
  bool is_refusal = false;
};

void PrintTo(const Misbehaviour& misbehaviour, std::ostream* out) { *out << misbehaviour.name; }

FakeProvider::Answer always(const std::string& bytes) {
  return [bytes](const FakeProvider::Request&) { return bytes; };
}

// Batch: the misbehaviour meets batches first. OneByOne: the provider has no endpoint for batches.
enum class Way { kBatch, kOneByOne };

FakeProvider::Answer without_batches(const FakeProvider::Answer& answer) {
  return [answer](const FakeProvider::Request& request) {
    return is_batch(request) ? accepted_one_by_one(request) : answer(request);
  };
}

class Misbehaving : public EndToEnd,
                    public testing::WithParamInterface<std::tuple<Misbehaviour, Way>> {
 protected:
  const Misbehaviour& misbehaviour() const { return std::get<0>(GetParam()); }
  // Long enough for refusals; what is unknown is never settled.
  std::string wait_seconds() const { return misbehaviour().is_refusal ? "25" : "1"; }
  FakeProvider::Answer in_its_way(const FakeProvider::Answer& answer) const {
    return std::get<1>(GetParam()) == Way::kBatch ? answer : without_batches(answer);
  }
};

TEST_P(Misbehaving, NothingIsEverPaid) {
  FakeProvider provider(in_its_way(misbehaviour().answer));
  const auto app = start_invoice_app(provider.url(), {{"PAY_WAIT_SECONDS", wait_seconds()}});
  const auto result = pay(*app);
  const auto* reply = std::get_if<common::HttpReply>(&result);
  ASSERT_NE(reply, nullptr);
  const json report = json::parse(reply->body);
  EXPECT_EQ(report["Paid"], 0);
  if (misbehaviour().is_refusal) {
    EXPECT_EQ(reply->status, 502);
    EXPECT_EQ(report["Refused"], 3);
  } else {
    EXPECT_TRUE(reply->status == 202 || reply->status == 503) << reply->status;
    EXPECT_EQ(report["Pending"], 3);
  }
  EXPECT_TRUE(eventually([&] { return !provider.requests().empty(); }));
  EXPECT_EQ(invoices(*app), kSeedUnpaid);

  // A call that takes long may end after the answer.
  const std::string outcome = misbehaviour().is_refusal ? "refused" : "unknown";
  EXPECT_TRUE(eventually([&] { return attempts(*app, outcome) > 0; }));
  EXPECT_EQ(attempts(*app, "paid"), 0);
  const char* word = misbehaviour().is_refusal ? "refused" : "they are retried with the same keys";
  EXPECT_TRUE(eventually([&] { return app->log().find(word) != std::string::npos; })) << app->log();
}

TEST_P(Misbehaving, EverythingIsPaidOnceTheProviderBehaves) {
  FakeProvider provider(in_its_way(misbehaviour().answer));
  const auto app = start_invoice_app(provider.url(), {{"PAY_WAIT_SECONDS", wait_seconds()}});
  ASSERT_TRUE(std::holds_alternative<common::HttpReply>(pay(*app)));
  provider.set_answer(in_its_way(accepted));
  // What is refused waits for somebody to ask again; what is unknown is finished by itself.
  if (misbehaviour().is_refusal) expect_status(pay(*app), 200);
  EXPECT_TRUE(all_get_paid(app->url()));
  EXPECT_EQ(invoices(*app), all_paid(kSeedUnpaid));
}

INSTANTIATE_TEST_SUITE_P(
    Provider, Misbehaving,
    testing::Combine(
        testing::Values(
            Misbehaviour{"RefusesWith400",
                         always(http_answer("400 Bad Request", "application/problem+json",
                                            R"({"detail":"no such account"})")),
                         true},
            Misbehaviour{"Answers500",
                         always(http_answer("500 Internal Server Error", "text/plain", "oops"))},
            Misbehaviour{"Answers503", always(http_answer("503 Service Unavailable",
                                                          "application/json", R"({"id":"I1"})"))},
            Misbehaviour{"Answers401", always(http_answer("401 Unauthorized", "text/plain", ""))},
            Misbehaviour{"Redirects", always(http_answer("307 Temporary Redirect", "text/plain", "",
                                                         "Location: http://127.0.0.1:1/\r\n"))},
            Misbehaviour{
                "AnswersHtmlAs200",
                always(http_answer("200 OK", "text/html", "<html>Welcome to the proxy</html>"))},
            Misbehaviour{"AnswersHtmlAs400", always(http_answer("400 Bad Request", "text/html",
                                                                "<html>Bad request</html>"))},
            Misbehaviour{"AnswersForAnotherInvoice",
                         always(http_answer("200 OK", "application/json", R"({"id":"I9"})"))},
            Misbehaviour{"AnswersWithAnIdThatIsNoString",
                         always(http_answer("200 OK", "application/json", R"({"id":1})"))},
            Misbehaviour{"AnswersBrokenJson",
                         always(http_answer("200 OK", "application/json", R"({"id":"I1")"))},
            Misbehaviour{"Answers204", always("HTTP/1.1 204 No Content\r\n\r\n")},
            Misbehaviour{"AnswersAnEmpty200",
                         always(http_answer("200 OK", "application/json", ""))},
            Misbehaviour{"ClosesWithoutAWord", always("")},
            Misbehaviour{"AnswersNoHttp", always("SSH-2.0-OpenSSH_9.2\r\n")},
            Misbehaviour{"StopsInTheHead", always("HTTP/1.1 200 OK\r\nContent-Ty")},
            Misbehaviour{"StopsInTheBody",
                         always("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                "Content-Length: 11\r\n\r\n{\"id\":")},
            Misbehaviour{"AnswersFarTooMuch",
                         always(http_answer("200 OK", "application/json",
                                            R"({"id":"I1","x":")" + std::string(2'000'000, 'x') +
                                                R"("})"))}),
        testing::Values(Way::kBatch, Way::kOneByOne)),
    [](const auto& test) {
      return std::get<0>(test.param).name +
             std::string(std::get<1>(test.param) == Way::kBatch ? "ToABatch" : "OneByOne");
    });

// Each response to a batch leaves I2 unconfirmed. Nothing but the provider's own word makes it
// paid.
TEST_F(EndToEnd, OnlyWhatABatchConfirmsIsPaid) {
  const auto result = [](const std::string& id, int status = 200) -> json {
    return {{"id", id}, {"idempotencyKey", "pay:" + id + ":1"}, {"status", status}};
  };
  json other_key = result("I2");
  other_key["idempotencyKey"] = "pay:I2:2";
  const json batches[] = {{result("I1"), result("I3")},                              // missing
                          {result("I1"), result("I2"), result("I3"), result("I2")},  // twice
                          {result("I3"), result("I9"), result("I1")},  // foreign, in another order
                          {result("I1"), other_key, result("I3")},     // of another generation
                          {result("I1"), result("I2", 500), result("I3")}};  // without a decision
  for (const json& batch : batches) {
    SCOPED_TRACE(batch.dump());
    const std::string answer = http_answer("207 Multi-Status", "application/json", batch.dump());
    const std::string silence;
    FakeProvider provider(
        [&](const FakeProvider::Request& request) { return is_batch(request) ? answer : silence; });
    const std::string storage = database("invoices" + std::to_string(&batch - batches));
    const auto app = start_invoice_app(provider.url(), {{"DATABASE_URL", storage}});
    const auto report = json::parse(std::get<common::HttpReply>(pay(*app)).body);
    EXPECT_EQ(report["Paid"], 2);
    EXPECT_EQ(report["Pending"], 1);
    const json listed = invoices(*app);
    EXPECT_EQ(listed[0]["IsPaid"], true);
    EXPECT_EQ(listed[1]["IsPaid"], false);
    EXPECT_EQ(listed[2]["IsPaid"], true);
    provider.set_answer(accepted);
    EXPECT_TRUE(all_get_paid(app->url()));
  }
}

}  // namespace
}  // namespace tests
