#include "invoice-app/http_payment_gateway.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <ostream>
#include <string>
#include <utility>

#include "common/http/metrics.h"
#include "common/http/server.h"
#include "common/log/log.h"
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
const std::string kLongDetail = R"({"detail":")" + std::string(600, 'x') + R"("})";

common::HttpFailure failure(common::HttpFailure::Kind kind, const std::string& message) {
  return {.kind = kind, .message = message};
}

std::string name_of(const testing::TestParamInfo<Reply>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Paid, Interpret,
    testing::Values(
        Reply{"EchoesTheId", reply(200, kJson, R"({"id":"I1"})"), Kind::kPaid, ""},
        Reply{"TypeWithParameter", reply(200, "Application/JSON; charset=utf-8", R"({"id":"I1"})"),
              Kind::kPaid, ""},
        Reply{"OtherMembers", reply(200, kJson, R"({"value":12.15,"id":"I1"})"), Kind::kPaid, ""}),
    name_of);

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
                    Reply{"LongDetailIsCut", reply(422, kProblem, kLongDetail), Kind::kRefused,
                          "HTTP 422: " + std::string(500, 'x')}),
    name_of);

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
    name_of);

// A provider on the loopback interface that keeps the last request and confirms each payment.
class HttpPaymentGatewayTest : public testing::Test {
 protected:
  HttpPaymentGatewayTest() {
    server_.router().post("/payments/pay", {}, [this](const common::HttpRequest& request) {
      request_ = request;
      return common::HttpResponse{.body = R"({"id":"I1"})"};
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
  const common::RequestIdScope scope("request-1");
  EXPECT_EQ(gateway.pay(claim_).kind, Kind::kPaid);
  EXPECT_EQ(request_.body, R"({"id":"I1","value":12.50,"currency":"EUR"})");
  EXPECT_EQ(header("Content-Type"), "application/json");
  EXPECT_EQ(header("Idempotency-Key"), R"("pay:I1:2")");
  EXPECT_EQ(header("X-Request-Id"), "request-1");
  EXPECT_TRUE(request_.header_values("Authorization").empty());
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
