#include "common/http/problem.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>

namespace common {
namespace {

nlohmann::json body_of(const Problem& problem) {
  return nlohmann::json::parse(to_response(problem).body);
}

TEST(Problem, HasStatusTypeTitleAndDetail) {
  const HttpResponse response = to_response({.status = 404, .detail = "there is no such path"});
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_EQ(response.body, R"({"type":"about:blank","title":"Not Found","status":404,)"
                           R"("detail":"there is no such path"})"
                           "\n");
  EXPECT_TRUE(response.headers.empty());
}

TEST(Problem, NamesItsTypeAsAUrn) {
  EXPECT_EQ(body_of({.status = 422, .detail = "", .type = "payment-refused"})["type"],
            "urn:problem:payment-refused");
}

TEST(Problem, CarriesExtensionMembersInOrder) {
  const Problem problem{
      .status = 502, .detail = "d", .members = {{"Paid", 2}, {"Refused", -1}, {"Pending", 0}}};
  EXPECT_TRUE(to_response(problem).body.ends_with(R"("d","Paid":2,"Refused":-1,"Pending":0})"
                                                  "\n"));
}

TEST(Problem, HasATitleForEveryStatusThatIsUsed) {
  for (const int status :
       {400, 401, 404, 405, 408, 409, 413, 414, 415, 422, 431, 500, 501, 502, 503, 505}) {
    EXPECT_EQ(body_of({.status = status, .detail = ""})["title"], reason_phrase(status));
    EXPECT_NE(reason_phrase(status), "") << status;
  }
}

TEST(Problem, KeepsADetailThatIsUtf8) {
  const std::string detail = "é😀 \"quoted\" \\ \n\t\x01";
  EXPECT_EQ(body_of({.status = 400, .detail = detail})["detail"], detail);
}

TEST(Problem, IsOneLineOfValidJsonForAnyDetail) {
  std::mt19937 random{42};  // NOLINT(cert-msc51-cpp): the same bytes each time
  for (int i = 0; i < 2'000; ++i) {
    std::string detail(random() % 32, '\0');
    for (char& c : detail) c = static_cast<char>(random() % 256);
    const std::string body = to_response({.status = 400, .detail = detail}).body;
    ASSERT_TRUE(nlohmann::json::accept(body)) << testing::PrintToString(detail);
    ASSERT_EQ(body.find('\n'), body.size() - 1);
    ASSERT_EQ(body.find('\0'), std::string::npos);
  }
}

}  // namespace
}  // namespace common
