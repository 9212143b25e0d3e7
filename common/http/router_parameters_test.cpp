// Parameters of paths and queries.

#include <gtest/gtest.h>

#include <string>

#include "common/http/router.h"
#include "tests/support/router_client.h"

namespace common {
namespace {

using tests::header;
using tests::problem;

// GET /invoices knows "limit" and "status"; GET /invoices/{id}; POST /invoices/{id}/pay; and
// POST /invoices/pay, which is equal to a path that could be /invoices/{id}.
class HttpRouterParameters : public testing::Test {
 protected:
  HttpRouterParameters() {
    const auto echo = [](const std::string& route) {
      return [route](const HttpRequest& request) {
        std::string text = route + ' ' + request.path_parameter;
        for (const auto& [name, value] : request.parameters) text += ' ' + name + '=' + value;
        return HttpResponse{.body = text};
      };
    };
    HttpRouter& router = client_.router();
    router.get("/invoices", echo("list"), HttpRouter::Access::kGuarded, {}, {"limit", "status"});
    router.get("/invoices/{id}", echo("one"));
    router.post("/invoices/{id}/pay", {}, echo("pay one"));
    router.post("/invoices/pay", {}, echo("pay all"));
  }

  HttpResponse send(const std::string& method, const std::string& target) {
    return client_.send(method, target, {}, "");
  }

  tests::RouterClient client_;
};

TEST_F(HttpRouterParameters, APathParameterIsAnId) {
  for (const std::string& id :
       {std::string("I1"), std::string("."), std::string("a_B-3.x"), std::string(64, 'x')}) {
    EXPECT_EQ(send("GET", "/invoices/" + id).body, "one " + id);
    EXPECT_EQ(send("HEAD", "/invoices/" + id).body, "one " + id);
    EXPECT_EQ(send("POST", "/invoices/" + id + "/pay").body, "pay one " + id);
  }
}

TEST_F(HttpRouterParameters, APathWithAnythingElseIsUnknown) {
  for (const std::string& path :
       {std::string("/invoices/"), std::string("/invoices/a/"), std::string("/invoices/a/b"),
        std::string("/invoices//pay"), std::string("/invoices/a/b/pay"),
        std::string("/invoices/a b"), std::string("/invoices/a%2Fb"), std::string("/invoices/{id}"),
        std::string("/invoicesx"), std::string("/invoices/\xc3\xa9"),
        std::string("/invoices/a\0", 12), "/invoices/" + std::string(65, 'x'),
        std::string("/x/invoices/a")}) {
    EXPECT_EQ(problem(send("GET", path)), "404 about:blank") << path;
  }
}

TEST_F(HttpRouterParameters, AnEqualPathWinsWhereItHasTheMethod) {
  EXPECT_EQ(send("POST", "/invoices/pay").body, "pay all ");
  EXPECT_EQ(send("POST", "/invoices/pay/pay").body, "pay one pay");
  EXPECT_EQ(send("GET", "/invoices/pay").body, "one pay");
  EXPECT_EQ(send("HEAD", "/invoices/pay").body, "one pay");
  client_.router().get("/invoices/latest", [](const HttpRequest& request) {
    return HttpResponse{.body = "latest " + request.path_parameter};
  });
  EXPECT_EQ(send("GET", "/invoices/latest").body, "latest ");
}

TEST_F(HttpRouterParameters, AllowHasTheMethodsOfAllMatchingPaths) {
  const HttpResponse response = send("PUT", "/invoices/pay");
  EXPECT_EQ(problem(response), "405 about:blank");
  EXPECT_EQ(header(response, "Allow"), "GET, HEAD, POST");
}

TEST_F(HttpRouterParameters, Answers405ToOtherMethods) {
  EXPECT_EQ(header(send("POST", "/invoices/I1"), "Allow"), "GET, HEAD");
  EXPECT_EQ(problem(send("POST", "/invoices/I1")), "405 about:blank");
  EXPECT_EQ(header(send("GET", "/invoices/I1/pay"), "Allow"), "POST");
}

TEST_F(HttpRouterParameters, AllIdsCountForOneRoute) {
  HttpRequest first{.method = "GET", .path = "/invoices/I1"};
  HttpRequest second{.method = "GET", .path = "/invoices/I2"};
  HttpRouter& router = client_.router();
  EXPECT_EQ(router.match(first, false).route, router.match(second, false).route);
}

TEST_F(HttpRouterParameters, AHandlerGetsTheQueryParametersItKnows) {
  EXPECT_EQ(send("GET", "/invoices").body, "list ");
  EXPECT_EQ(send("GET", "/invoices?").body, "list ");
  EXPECT_EQ(send("GET", "/invoices?status=paid&limit=%31").body, "list  limit=1 status=paid");
}

TEST_F(HttpRouterParameters, OtherQueryParametersAndRepeatedOnesAre400) {
  for (const std::string target :
       {"/invoices?x", "/invoices?limit=1&x=2", "/invoices?limit=1&limit=1", "/invoices?LIMIT=1",
        "/invoices?limit=1&", "/invoices/I1?limit=1"}) {
    EXPECT_EQ(problem(send("GET", target)), "400 about:blank") << target;
  }
  EXPECT_EQ(problem(send("POST", "/invoices/I1/pay?limit=1")), "400 about:blank");
}

}  // namespace
}  // namespace common
