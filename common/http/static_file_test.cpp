#include "common/http/static_file.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/router_client.h"

namespace common {
namespace {

class StaticFileTest : public testing::Test {
 protected:
  StaticFileTest() {
    client_.router().set_guard([](const HttpRequest&) {
      return HttpResponse{.status = 401};  // for each route that needs a token
    });
    add_static_file(client_.router(), "/page.css",
                    {.content = "p {}", .content_type = "text/css", .headers = {{"X-A", "1"}}});
  }

  HttpResponse get(const HttpHeaders& headers = {}) { return client_.get("/page.css", headers); }

  static std::string header(const HttpResponse& response, const std::string& name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return "none";
  }

  tests::RouterClient client_;
};

TEST_F(StaticFileTest, HasItsTypeAndHeadersAndNeedsNoToken) {
  const HttpResponse response = get();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(*response.shared_body, "p {}");
  EXPECT_EQ(response.content_type, "text/css");
  EXPECT_EQ(header(response, "X-A"), "1");
  EXPECT_EQ(header(response, "Cache-Control"), "no-cache");
}

TEST_F(StaticFileTest, IsNotSentToAClientThatHasIt) {
  const HttpResponse response = get({{"If-None-Match", header(get(), "ETag")}});
  EXPECT_EQ(response.status, 304);
  EXPECT_FALSE(response.shared_body);
  EXPECT_EQ(header(response, "X-A"), "1");
  EXPECT_EQ(get({{"If-None-Match", "\"other\""}}).status, 200);
}

}  // namespace
}  // namespace common
