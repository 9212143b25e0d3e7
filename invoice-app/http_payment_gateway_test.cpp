#include "invoice-app/http_payment_gateway.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "common/http/metrics.h"
#include "common/http/server.h"
#include "common/log/request_context.h"
#include "tests/support/reserved_port.h"

namespace invoice_app {
namespace {

using Kind = PaymentAnswer::Kind;

common::HttpReply reply(int status, const std::string& type, std::string body) {
  common::HttpReply reply{.status = status, .headers = {}, .body = std::move(body)};
  if (!type.empty()) reply.headers.emplace_back("Content-Type", type);
  return reply;
}

struct Reply {
  std::string name;  // of the test
  common::HttpResult result;
  Kind kind;
  std::string reason;
};

void PrintTo(const Reply& reply, std::ostream* out) { *out << reply.name; }

class Interpret : public testing::TestWithParam<Reply> {};

TEST_P(Interpret, HasTheMeaningOfTheReply) {
  const PaymentAnswer answer = interpret(GetParam().result, "I1");
  EXPECT_EQ(answer.kind, GetParam().kind);
  EXPECT_EQ(answer.reason, GetParam().reason);
}

const std::string kJson = "application/json";
const std::string kProblem = "application/problem+json";
const std::string kHtml = "text/html; charset=utf-8";
const std::string kOtherInvoice = "HTTP 200, but not with this invoice's id";
const std::string kNotJson = "HTTP 200, but the response is not JSON";
const std::string kDetail = R"({"title":"Refused","detail":"payments in EUR are not accepted"})";
// The 500th byte is the first one of a letter with two.
const std::string kLongLetters = R"({"detail":")" + std::string(499, 'x') + R"(é"})";
const std::string kLongDetail = R"({"detail":")" + std::string(600, 'x') + R"("})";

common::HttpFailure failure(common::HttpFailure::Kind kind, const std::string& message) {
  return {.kind = kind, .message = message};
}

template <typename Parameter>
std::string name_of(const testing::TestParamInfo<Parameter>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(
    Paid, Interpret,
    testing::Values(
        Reply{"EchoesTheId", reply(200, kJson, R"({"id":"I1"})"), Kind::kPaid, ""},
        Reply{"TypeWithParameter", reply(200, "Application/JSON; charset=utf-8", R"({"id":"I1"})"),
              Kind::kPaid, ""},
        Reply{"OtherMembers", reply(200, kJson, R"({"value":12.15,"id":"I1"})"), Kind::kPaid, ""}),
    name_of<Reply>);

INSTANTIATE_TEST_SUITE_P(
    Refused, Interpret,
    testing::Values(Reply{"BadRequest", reply(400, kProblem, kDetail), Kind::kRefused,
                          "HTTP 400: payments in EUR are not accepted"},
                    Reply{"PaymentRequired", reply(402, kProblem, kDetail), Kind::kRefused,
                          "HTTP 402: payments in EUR are not accepted"},
                    Reply{"KeyReused", reply(422, kProblem, kDetail), Kind::kRefused,
                          "HTTP 422: payments in EUR are not accepted"},
                    Reply{"WithoutBody", reply(422, "", ""), Kind::kRefused, "HTTP 422"},
                    Reply{"WithoutDetail", reply(422, kProblem, R"({"title":"no"})"),
                          Kind::kRefused, "HTTP 422"},
                    Reply{"DetailIsNoText", reply(422, kProblem, R"({"detail":7})"), Kind::kRefused,
                          "HTTP 422"},
                    Reply{"WithoutHalfALetter", reply(422, kProblem, kLongLetters), Kind::kRefused,
                          "HTTP 422: " + std::string(499, 'x')},
                    Reply{"LongDetailIsCut", reply(422, kProblem, kLongDetail), Kind::kRefused,
                          "HTTP 422: " + std::string(500, 'x')}),
    name_of<Reply>);

INSTANTIATE_TEST_SUITE_P(
    Unknown, Interpret,
    testing::Values(
        Reply{"NotSent", failure(common::HttpFailure::Kind::kNotSent, "can't connect"),
              Kind::kUnknown, "can't connect"},
        Reply{"NoAnswer", failure(common::HttpFailure::Kind::kNoAnswer, "timed out"),
              Kind::kUnknown, "timed out"},
        Reply{"OtherId", reply(200, kJson, R"({"id":"I2"})"), Kind::kUnknown, kOtherInvoice},
        Reply{"IdInOtherCase", reply(200, kJson, R"({"id":"i1"})"), Kind::kUnknown, kOtherInvoice},
        Reply{"IdIsNoText", reply(200, kJson, R"({"id":1})"), Kind::kUnknown, kOtherInvoice},
        Reply{"NoId", reply(200, kJson, "{}"), Kind::kUnknown, kOtherInvoice},
        Reply{"TwoIds", reply(200, kJson, R"({"id":"I1","id":"I2"})"), Kind::kUnknown,
              kOtherInvoice},
        Reply{"IdInAnArray", reply(200, kJson, R"([{"id":"I1"}])"), Kind::kUnknown, kOtherInvoice},
        Reply{"EmptyBody", reply(200, kJson, ""), Kind::kUnknown, kOtherInvoice},
        Reply{"HalfABody", reply(200, kJson, R"({"id":"I1")"), Kind::kUnknown, kOtherInvoice},
        Reply{"OkWithoutType", reply(200, "", R"({"id":"I1"})"), Kind::kUnknown, kNotJson},
        Reply{"OkWithHtml", reply(200, kHtml, "<html>login</html>"), Kind::kUnknown, kNotJson},
        Reply{"OkWithProblem", reply(200, kProblem, R"({"id":"I1"})"), Kind::kUnknown, kNotJson},
        Reply{"Created", reply(201, kJson, R"({"id":"I1"})"), Kind::kUnknown, "HTTP 201"},
        Reply{"Accepted", reply(202, kJson, R"({"id":"I1"})"), Kind::kUnknown, "HTTP 202"},
        Reply{"NoContent", reply(204, "", ""), Kind::kUnknown, "HTTP 204"},
        Reply{"Redirect", reply(302, kJson, R"({"id":"I1"})"), Kind::kUnknown, "HTTP 302"},
        Reply{"Unauthorized", reply(401, kProblem, kDetail), Kind::kUnknown, "HTTP 401"},
        Reply{"Forbidden", reply(403, kProblem, kDetail), Kind::kUnknown, "HTTP 403"},
        Reply{"NotFound", reply(404, kProblem, kDetail), Kind::kUnknown, "HTTP 404"},
        Reply{"Conflict", reply(409, kProblem, kDetail), Kind::kUnknown, "HTTP 409"},
        Reply{"TooManyRequests", reply(429, kProblem, kDetail), Kind::kUnknown, "HTTP 429"},
        Reply{"ServerError", reply(500, kJson, R"({"id":"I1"})"), Kind::kUnknown, "HTTP 500"},
        Reply{"BadGateway", reply(502, kHtml, "<html></html>"), Kind::kUnknown, "HTTP 502"},
        Reply{"Unavailable", reply(503, kProblem, kDetail), Kind::kUnknown, "HTTP 503"},
        Reply{"HtmlBadRequest", reply(400, kHtml, "<html></html>"), Kind::kUnknown, "HTTP 400"},
        Reply{"HtmlUnprocessable", reply(422, "TEXT/HTML", "<p>"), Kind::kUnknown, "HTTP 422"}),
    name_of<Reply>);

// ---- Batches ----

std::vector<Claim> claims(const std::vector<std::string>& ids) {
  std::vector<Claim> claims;
  for (const std::string& id : ids) {
    claims.push_back({.sequence = static_cast<std::int64_t>(claims.size() + 1),
                      .id = id,
                      .amount = {1250, common::Currency::find("EUR").value()},
                      .generation = 2,
                      .attempt = 7});
  }
  return claims;
}

// One result of a batch, for the key of generation 2.
std::string result(const std::string& id, const std::string& status = "200",
                   const std::string& more = "") {
  return R"({"id":")" + id + R"(","idempotencyKey":"pay:)" + id + R"(:2","status":)" + status +
         more + "}";
}

struct BatchReply {
  std::string name;   // of the test
  std::string body;   // of a response with status 207 to a batch of I1, I2 and I3
  std::string kinds;  // of the answers: p, r or u
};

void PrintTo(const BatchReply& reply, std::ostream* out) { *out << reply.name; }

class InterpretBatch : public testing::TestWithParam<BatchReply> {};

std::string kinds_of(const BatchAnswer& answer) {
  std::string kinds;
  for (const PaymentAnswer& one : answer.answers) {
    kinds += one.kind == Kind::kPaid ? 'p' : one.kind == Kind::kRefused ? 'r' : 'u';
  }
  return kinds;
}

TEST_P(InterpretBatch, TakesOnlyWhatTheProviderHasConfirmed) {
  const BatchAnswer answer =
      interpret_batch(reply(207, kJson, GetParam().body), claims({"I1", "I2", "I3"}));
  EXPECT_EQ(answer.not_taken, std::nullopt);
  EXPECT_EQ(kinds_of(answer), GetParam().kinds);
  for (const PaymentAnswer& one : answer.answers) {
    EXPECT_EQ(one.reason.empty(), one.kind == Kind::kPaid) << one.reason;
  }
}

std::string array(const std::vector<std::string>& results) {
  std::string array = "[";
  for (const std::string& result : results) array += (array.size() > 1 ? "," : "") + result;
  return array + "]";
}

const std::string kOne = result("I1");
const std::string kTwo = result("I2");
const std::string kThree = result("I3");
const std::string kOldKey = R"({"id":"I2","idempotencyKey":"pay:I2:1","status":200})";
const std::string kOtherKey = R"({"id":"I2","idempotencyKey":"pay:I1:2","status":200})";

INSTANTIATE_TEST_SUITE_P(
    Results, InterpretBatch,
    testing::Values(
        BatchReply{"All", array({kOne, kTwo, kThree}), "ppp"},
        BatchReply{"OtherOrder", array({kThree, kOne, result("I2", "422")}), "prp"},
        BatchReply{"Replayed", array({result("I1", "200", R"(,"replayed":true)"), kTwo, kThree}),
                   "ppp"},
        BatchReply{"RefusedInThreeWays",
                   array({result("I1", "400"), result("I2", "402"), result("I3", "422")}), "rrr"},
        BatchReply{"UnknownStatus", array({result("I1", "503"), result("I2", "201"), kThree}),
                   "uup"},
        BatchReply{"StatusIsNoNumber", array({result("I1", R"("200")"), result("I2", "null")}),
                   "uuu"},
        BatchReply{"StatusIsWrittenDifferently",
                   array({result("I1", "200.0"), result("I2", "2e2"), kThree}), "uup"},
        BatchReply{"Missing", array({kOne, kThree}), "pup"}, BatchReply{"Empty", "[]", "uuu"},
        BatchReply{"Duplicate", array({kOne, kTwo, kThree, kTwo}), "pup"},
        BatchReply{"RefusedAndPaid", array({kOne, kTwo, kThree, result("I2", "422")}), "pup"},
        BatchReply{"Foreign", array({kOne, result("I9"), kThree}), "pup"},
        BatchReply{"KeyOfAnotherGeneration", array({kOne, kOldKey, kThree}), "pup"},
        BatchReply{"KeyOfAnotherInvoice", array({kOtherKey, kThree}), "uup"},
        BatchReply{"WithoutKey", array({R"({"id":"I1","status":200})", kTwo}), "upu"},
        BatchReply{"WithoutId", array({R"({"idempotencyKey":"pay:I1:2","status":200})", kTwo}),
                   "upu"},
        BatchReply{"WithoutStatus", array({R"({"id":"I1","idempotencyKey":"pay:I1:2"})"}), "uuu"},
        BatchReply{"NoObjects", R"([1,"I1",null,[],200])", "uuu"}),
    name_of<BatchReply>);

TEST(InterpretBatch, HasTheReasonOfEachRefusal) {
  const std::string refused = result("I1", "422", R"(,"detail":"payments in EUR are refused")");
  const std::string cut = result("I2", "422", R"(,"detail":")" + std::string(600, 'x') + '"');
  const BatchAnswer answer =
      interpret_batch(reply(207, kJson, array({refused, cut})), claims({"I1", "I2"}));
  EXPECT_EQ(answer.answers.at(0).reason, "HTTP 422: payments in EUR are refused");
  EXPECT_EQ(answer.answers.at(1).reason, "HTTP 422: " + std::string(500, 'x'));
}

TEST(InterpretBatch, IsUnknownForAllWithoutAResponseOfTheProvider) {
  const std::string good = array({kOne, kTwo});
  const std::pair<common::HttpResult, std::string> responses[] = {
      {failure(common::HttpFailure::Kind::kNoAnswer, "timed out"), "timed out"},
      {reply(401, kProblem, kDetail), "HTTP 401"},
      {reply(403, kProblem, kDetail), "HTTP 403"},
      {reply(429, kProblem, kDetail), "HTTP 429"},
      {reply(502, kHtml, good), "HTTP 502"},
      {reply(503, kJson, good), "HTTP 503"},
      {reply(504, kHtml, ""), "HTTP 504"}};
  for (const auto& [response, reason] : responses) {
    const BatchAnswer answer = interpret_batch(response, claims({"I1", "I2"}));
    EXPECT_EQ(answer.not_taken, std::nullopt) << reason;
    EXPECT_EQ(kinds_of(answer), "uu") << reason;
    EXPECT_EQ(answer.answers.at(1).reason, reason);
    EXPECT_TRUE(answer.is_sent) << reason;
  }
  EXPECT_FALSE(interpret_batch(failure(common::HttpFailure::Kind::kNotSent, "can't connect"),
                               claims({"I1", "I2"}))
                   .is_sent);
}

TEST(InterpretBatch, IsNotTakenIfTheResponseIsNoResultOfABatch) {
  const std::string good = array({kOne, kTwo});
  for (const int status : {200, 201, 202, 302, 400, 402, 404, 405, 409, 413, 415, 422, 500, 501}) {
    const BatchAnswer answer = interpret_batch(reply(status, kJson, good), claims({"I1", "I2"}));
    EXPECT_EQ(answer.not_taken, "HTTP " + std::to_string(status));
    EXPECT_TRUE(answer.answers.empty());
  }
  for (const auto& response : {reply(207, kHtml, good), reply(207, "", good), reply(207, kJson, ""),
                               reply(207, kJson, kOne), reply(207, kJson, "[" + kOne)}) {
    const BatchAnswer answer = interpret_batch(response, claims({"I1", "I2"}));
    EXPECT_EQ(answer.not_taken, "HTTP 207, but the response is not a JSON array");
    EXPECT_TRUE(answer.answers.empty());
  }
}

// A provider on the loopback interface that keeps the last request and confirms each payment.
class HttpPaymentGatewayTest : public testing::Test {
 protected:
  HttpPaymentGatewayTest() {
    server_.router().post("/payments/pay", {}, [this](const common::HttpRequest& request) {
      request_ = request;
      return common::HttpResponse{.body = R"({"id":"I1"})"};
    });
    server_.router().post("/payments/batch", {}, [this](const common::HttpRequest& request) {
      request_ = request;
      return common::HttpResponse{.status = 207, .body = array({kTwo, kOne})};
    });
    server_.bind();
    server_.start();
  }

  common::HttpClientOptions options() const {
    return {.base_url = "http://127.0.0.1:" + std::to_string(server_.port())};
  }

  // Of the last request. Call it only after the response.
  std::string header(const std::string& name) const {
    const auto values = request_.header_values(name);
    return values.size() == 1 ? std::string(values[0]) : "not exactly one " + name;
  }

  const Claim claim_{.sequence = 1,
                     .id = "I1",
                     .amount = {1250, common::Currency::find("EUR").value()},
                     .generation = 2,
                     .attempt = 7};
  common::HttpRequest request_;

 private:
  prometheus::Registry registry_;
  common::HttpMetrics metrics_{registry_};
  common::HttpServer server_{{.host = "127.0.0.1"}, metrics_};
};

TEST_F(HttpPaymentGatewayTest, SendsThePaymentWithItsIdempotencyKey) {
  HttpPaymentGateway gateway(options(), std::nullopt);
  const common::RequestContext context{.request_id = "request-1"};
  const common::RequestScope scope(context);
  EXPECT_EQ(gateway.pay(claim_).kind, Kind::kPaid);
  EXPECT_EQ(request_.body, R"({"id":"I1","value":12.50,"currency":"EUR"})");
  EXPECT_EQ(header("Content-Type"), "application/json");
  EXPECT_EQ(header("Idempotency-Key"), R"("pay:I1:2")");
  EXPECT_EQ(header("X-Request-Id"), "request-1");
  EXPECT_TRUE(request_.header_values("Authorization").empty());
}

TEST_F(HttpPaymentGatewayTest, SendsABatchWithTheKeysOfItsPayments) {
  HttpPaymentGateway gateway(options(), "secret");
  const common::RequestContext context{.request_id = "request-1"};
  const common::RequestScope scope(context);
  EXPECT_EQ(kinds_of(gateway.pay_batch(claims({"I1", "I2"}))), "pp");
  EXPECT_EQ(request_.body,
            R"([{"id":"I1","value":12.50,"currency":"EUR","idempotencyKey":"pay:I1:2"},)"
            R"({"id":"I2","value":12.50,"currency":"EUR","idempotencyKey":"pay:I2:2"}])");
  EXPECT_EQ(header("Content-Type"), "application/json");
  EXPECT_EQ(header("X-Request-Id"), "request-1");
  EXPECT_EQ(header("Authorization"), "Bearer secret");
  EXPECT_TRUE(request_.header_values("Idempotency-Key").empty());
}

TEST_F(HttpPaymentGatewayTest, SendsTheTraceInAllCalls) {
  HttpPaymentGateway gateway(options(), std::nullopt);
  const std::string traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const common::RequestContext context{.request_id = "r",
                                       .trace = {.traceparent = traceparent, .tracestate = "a=1"}};
  const common::RequestScope scope(context);
  gateway.pay(claim_);
  EXPECT_EQ(header("traceparent"), traceparent);
  EXPECT_EQ(header("tracestate"), "a=1");
  gateway.pay_batch(claims({"I1", "I2"}));
  EXPECT_EQ(header("traceparent"), traceparent);
  EXPECT_EQ(header("tracestate"), "a=1");
}

TEST_F(HttpPaymentGatewayTest, SendsNoEmptyTracestate) {
  HttpPaymentGateway gateway(options(), std::nullopt);
  const common::RequestContext context = common::new_request_context();
  const common::RequestScope scope(context);
  gateway.pay(claim_);
  EXPECT_EQ(header("traceparent"), common::current_request().trace.traceparent);
  EXPECT_TRUE(request_.header_values("tracestate").empty());
}

TEST_F(HttpPaymentGatewayTest, SendsItsBearerToken) {
  HttpPaymentGateway gateway(options(), "secret");
  gateway.pay(claim_);
  EXPECT_EQ(header("Authorization"), "Bearer secret");
}

TEST_F(HttpPaymentGatewayTest, IgnoresTheConfirmationOfADifferentInvoice) {
  HttpPaymentGateway gateway(options(), std::nullopt);
  Claim other = claim_;
  other.id = "I2";
  EXPECT_EQ(gateway.pay(other).kind, Kind::kUnknown);
}

TEST(HttpPaymentGateway, AnswersUnknownWhenTheConnectionIsRefused) {
  const tests::ReservedPort port;
  HttpPaymentGateway gateway({.base_url = port.url()}, std::nullopt);
  const Claim claim{.sequence = 1,
                    .id = "I1",
                    .amount = {1, common::Currency::find("EUR").value()},
                    .generation = 1,
                    .attempt = 1};
  const PaymentAnswer answer = gateway.pay(claim);
  EXPECT_EQ(answer.kind, Kind::kUnknown);
  EXPECT_TRUE(answer.reason.starts_with("can't connect to 127.0.0.1:")) << answer.reason;
}

}  // namespace
}  // namespace invoice_app
