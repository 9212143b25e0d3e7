#include "common/http/page.h"

#include <gtest/gtest.h>

#include "common/base/bad_request.h"
#include "tests/support/router_client.h"

namespace common {
namespace {

HttpRequest with(std::string_view name, const std::string& value) {
  return {.parameters = {{std::string(name), value}}};
}

TEST(Page, HasALimitFrom1To1000) {
  EXPECT_EQ(read_limit({}), 100U);
  EXPECT_EQ(read_limit(with(kLimitName, "1")), 1U);
  EXPECT_EQ(read_limit(with(kLimitName, "1000")), 1000U);
  for (const std::string text : {"", "0", "1001", "-1", "ten", "99999999999999999999"}) {
    EXPECT_THROW(read_limit(with(kLimitName, text)), BadRequest) << text;
  }
}

TEST(Page, BeginsAfterASequence) {
  EXPECT_EQ(read_cursor({}), 0);
  EXPECT_EQ(read_cursor(with(kCursorName, "123")), 123);
  for (const std::string text : {"", "0", "-1", "I1", "9223372036854775808"}) {
    EXPECT_THROW(read_cursor(with(kCursorName, text)), BadRequest) << text;
  }
}

HttpResponse page_of(const std::vector<int>& elements, std::size_t limit) {
  const HttpRequest request{.path = "/numbers", .query = "limit=2&cursor=1&status=paid"};
  const auto to_text = [](int element) { return std::to_string(element); };
  return respond_with_page(
      request, elements, limit, [&](std::string& json, int element) { json += to_text(element); },
      to_text);
}

TEST(Page, LinksToTheNextIfThereIsOne) {
  const HttpResponse response = page_of({4, 5, 6}, 2);
  EXPECT_EQ(response.body, "[4,5]\n");
  EXPECT_EQ(tests::header(response, "Link"),
            R"(</numbers?limit=2&status=paid&cursor=5>; rel="next")");
}

TEST(Page, ItsLinkHasTheCursorOfTheNext) {
  const HttpRequest request{.path = "/prefix/numbers", .query = "limit=2&cursor=1"};
  EXPECT_EQ(read_next_cursor(link_to_next(request, "5")), "5");
  EXPECT_EQ(read_next_cursor(R"(</n?cursor=9.a-B_>; rel="next")"), "9.a-B_");
  for (const char* link :
       {"", "<", R"(>; rel="next")", R"(<>; rel="next")", R"(</n>; rel="next")",
        R"(</n?cursor=5>; rel="prev")", R"(</n?cursor=5>; rel=next)", R"(/n?cursor=5>; rel="next")",
        R"(</n?limit=5>; rel="next")", R"(</n?cursor=>; rel="next")",
        R"(</n?cursor=5&cursor=6>; rel="next")", R"(</n?cursor=5&order=id>; rel="next")",
        R"(</n?cursor=5%20>; rel="next")", R"(</n?cursor=5%>; rel="next")",
        R"(</n?cursor=5>; rel="next", </m>; rel="last")"}) {
    EXPECT_EQ(read_next_cursor(link), std::nullopt) << link;
  }
}

TEST(Page, HasNoLinkIfItIsTheLast) {
  for (const auto& [elements, body] : std::vector<std::pair<std::vector<int>, std::string>>{
           {{}, "[]\n"}, {{4}, "[4]\n"}, {{4, 5}, "[4,5]\n"}}) {
    const HttpResponse response = page_of(elements, 2);
    EXPECT_EQ(response.body, body);
    EXPECT_EQ(tests::header(response, "Link"), "no Link");
  }
}

}  // namespace
}  // namespace common
