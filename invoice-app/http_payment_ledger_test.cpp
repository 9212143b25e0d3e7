#include "invoice-app/http_payment_ledger.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "common/base/unavailable.h"
#include "tests/support/fake_provider.h"

namespace invoice_app {
namespace {

using namespace std::chrono_literals;
using common::HttpReply;
using tests::FakeProvider;
using tests::http_answer;

constexpr const char* kPayment =
    R"({"id":"I1","value":12.15,"currency":"EUR","idempotencyKey":"pay:I1:1","status":"accepted",)"
    R"("acceptedAt":"2026-11-24T05:56:01.739Z"})";

std::string list(const std::string& payment = kPayment) { return '[' + payment + "]\n"; }

HttpReply reply(const std::string& body, const std::string& link = "") {
  HttpReply reply{.status = 200, .headers = {{"Content-Type", "application/json"}}, .body = body};
  if (!link.empty()) reply.headers.emplace_back("Link", link);
  return reply;
}

std::string failure(const common::HttpResult& result) {
  try {
    interpret_ledger_page(result);
    return "";
  } catch (const common::Unavailable& error) {
    return error.what();
  }
}

// A payment with a text in place of another one.
std::string changed(const std::string& from, const std::string& to) {
  std::string payment = kPayment;
  return payment.replace(payment.find(from), from.size(), to);
}

TEST(LedgerPage, HasPaymentsAndTheCursorOfTheNext) {
  const LedgerPage page =
      interpret_ledger_page(reply(list(), R"(</payments?limit=1000&cursor=17>; rel="next")"));
  ASSERT_EQ(page.payments.size(), 1U);
  EXPECT_EQ(page.payments[0].invoice_id, "I1");
  EXPECT_EQ(page.payments[0].amount, (common::Money{1215, common::Currency::find("EUR").value()}));
  EXPECT_EQ(common::to_rfc3339(page.payments[0].accepted_at), "2026-11-24T05:56:01.739Z");
  EXPECT_EQ(page.next, "17");
  EXPECT_EQ(interpret_ledger_page(reply(list())).next, std::nullopt);
  EXPECT_TRUE(interpret_ledger_page(reply("[]\n")).payments.empty());
  EXPECT_EQ(interpret_ledger_page(reply(list(changed("EUR", "BGN")))).payments.size(), 1U);
}

TEST(LedgerPage, IsRefusedUnlessEveryPartOfItIsValid) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"", "JSON"},
      {"[", "JSON"},
      {"{}", "array"},
      {list("1"), "payment 1"},
      {list("{}"), "payment 1"},
      {list(std::string(kPayment) + ",null"), "payment 2"},
      {list(changed("I1", "I 1")), "id"},
      {list(changed("12.15", "12.155")), "value"},
      {list(changed("12.15", "-1")), "value"},
      {list(changed("12.15", "\"12.15\"")), "value"},
      {list(changed("EUR", "QQQ")), "currency"},
      {list(changed("accepted\"", "refused\"")), "status"},
      {list(changed("\"status\":\"accepted\",", "")), "status"},
      {list(changed("acceptedAt", "refusedAt")), "acceptedAt"},
      {list(changed("2026-11-24", "2026-11-31")), "acceptedAt"},
  };
  for (const auto& [body, what] : table) {
    EXPECT_NE(failure(reply(body)).find(what), std::string::npos) << body << failure(reply(body));
  }
  std::string many = kPayment;
  for (int i = 0; i < common::kMaxPageElements; ++i) many += std::string(",") + kPayment;
  EXPECT_NE(failure(reply(list(many))).find("at most 1000"), std::string::npos);
  EXPECT_NE(failure(reply(list(), "</payments?page=2>; rel=\"next\"")).find("Link"),
            std::string::npos);
  HttpReply html = reply(list());
  html.headers = {{"Content-Type", "text/html"}};
  EXPECT_NE(failure(html).find("JSON"), std::string::npos);
}

TEST(LedgerPage, IsRefusedWithAnotherStatus) {
  for (const int status : {201, 204, 301, 400, 401, 404, 500, 503}) {
    HttpReply other = reply(list());
    other.status = status;
    EXPECT_NE(failure(other).find("HTTP " + std::to_string(status)), std::string::npos);
  }
  EXPECT_NE(failure(common::HttpFailure{.kind = common::HttpFailure::Kind::kNotSent,
                                        .message = "no connection"})
                .find("no connection"),
            std::string::npos);
}

TEST(HttpPaymentLedger, SendsTheCursorAndTheToken) {
  FakeProvider provider(
      [](const auto&) { return http_answer("200 OK", "application/json", list()); });
  HttpPaymentLedger ledger({.base_url = provider.url()}, "s3cret");
  EXPECT_EQ(ledger.page(std::nullopt).payments.size(), 1U);
  EXPECT_EQ(ledger.page("17").payments.size(), 1U);
  const auto requests = provider.requests();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_TRUE(requests[0].head.starts_with("GET /payments?limit=1000 HTTP/1.1\r\n"));
  EXPECT_TRUE(requests[1].head.starts_with("GET /payments?limit=1000&cursor=17 HTTP/1.1\r\n"));
  EXPECT_NE(requests[1].head.find("Authorization: Bearer s3cret\r\n"), std::string::npos);
  EXPECT_NE(requests[1].head.find("X-Request-Id: audit-"), std::string::npos);
}

TEST(HttpPaymentLedger, CallsAgainIfThatMayHelp) {
  FakeProvider provider([](const auto&) { return std::string(); });
  provider.set_answer([&provider](const auto&) -> std::string {
    switch (provider.requests().size()) {
      case 1:
        return "";
      case 2:
        return http_answer("503 Service Unavailable", "text/html", "");
      default:
        return http_answer("200 OK", "application/json", list());
    }
  });
  HttpPaymentLedger ledger({.base_url = provider.url()}, std::nullopt, 0ms);
  EXPECT_EQ(ledger.page(std::nullopt).payments.size(), 1U);
  EXPECT_EQ(provider.requests().size(), 3U);
}

TEST(HttpPaymentLedger, GivesUpAfterAFewCallsOrAtOnceIfTheyCannotHelp) {
  FakeProvider provider([](const auto&) { return std::string(); });
  HttpPaymentLedger ledger({.base_url = provider.url()}, std::nullopt, 0ms);
  EXPECT_THROW(ledger.page(std::nullopt), common::Unavailable);
  EXPECT_EQ(provider.requests().size(), std::size_t{HttpPaymentLedger::kAttempts});
  provider.set_answer([](const auto&) { return http_answer("400 Bad Request", "text/plain", ""); });
  EXPECT_THROW(ledger.page(std::nullopt), common::Unavailable);
  EXPECT_EQ(provider.requests().size(), std::size_t{HttpPaymentLedger::kAttempts} + 1);
}

}  // namespace
}  // namespace invoice_app
