#include "common/http/router.h"

#include <gtest/gtest.h>

#include <exception>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/base/bad_request.h"
#include "common/base/outcome.h"
#include "common/base/unavailable.h"
#include "common/http/server_fixture.h"
#include "common/log/log.h"
#include "tests/support/metrics.h"
#include "tests/support/router_client.h"

namespace common {
namespace {

using tests::header;
using tests::problem;

std::string detail(const HttpResponse& response) {
  return nlohmann::json::parse(response.body).value("detail", "");
}

// /list allows GET, /both GET and POST, /json POST of JSON, /any POST of any type; 10 bytes each.
class HttpRouterTest : public testing::Test {
 protected:
  HttpRouterTest() {
    const auto echo = [](const HttpRequest& request) {
      return HttpResponse{.body = request.method + ' ' + request.path + ' ' + request.body};
    };
    router().get("/list", echo);
    router().get("/both", echo);
    router().post("/both", {}, echo);
    router().post("/json", {.max_bytes = 10, .json_required = true}, echo);
    router().post("/any", {.max_bytes = 10}, echo);
  }

  HttpRouter& router() { return client_.router(); }

  HttpResponse send(const std::string& method, const std::string& path,
                    const std::string& body = "", HttpHeaders headers = {}) {
    return client_.send(method, path, std::move(headers), body);
  }

  HttpResponse post_json(const std::string& body, const std::string& type) {
    return send("POST", "/json", body, {{"Content-Type", type}});
  }

  HttpResponse send_query(const std::string& method, const std::string& query) {
    return send(method, "/list?" + query);
  }

  HttpRouter::Match match(const std::string& method, const std::string& path, bool has_body) {
    HttpRequest request{.method = method, .path = path};
    return router().match(request, has_body);
  }

  template <typename Error>
  void add_failing(const std::string& path, Error error) {
    router().get(path, [error](const HttpRequest&) -> HttpResponse { throw error; });
  }

  // Keeps the function that responds.
  void add_deferred() {
    router().post_deferred("/later", {}, [this](const HttpRequest&, const HttpRespond& respond) {
      respond_ = respond;
    });
  }

  // The response when the outcome comes after the handler has returned.
  std::optional<HttpResponse> respond_later(const Outcome<HttpResponse>& outcome) {
    HttpRequest request{.method = "POST", .path = "/later", .context = {.request_id = "r-1"}};
    std::optional<HttpResponse> response;
    HttpRouter::answer(*router().match(request, false).route, request,
                       [&](HttpResponse sent) { response = std::move(sent); });
    EXPECT_FALSE(response);
    respond_(outcome);
    return response;
  }

  tests::RouterClient client_;
  HttpRespond respond_;
};

TEST_F(HttpRouterTest, CallsTheHandlerOfPathAndMethod) {
  EXPECT_EQ(send("GET", "/list").body, "GET /list ");
  EXPECT_EQ(send("GET", "/both").body, "GET /both ");
  EXPECT_EQ(send("POST", "/both", "x").body, "POST /both x");
}

TEST_F(HttpRouterTest, ServesHeadAsGet) { EXPECT_EQ(send("HEAD", "/list").body, "HEAD /list "); }

TEST_F(HttpRouterTest, Answers404ForOtherPaths) {
  for (const std::string path : {"", "/", "/lis", "/list/", "/listx", "/LIST", "//list", "/list/1",
                                 "/./list", "/%6cist", "list", "*", "/%2Flist"}) {
    EXPECT_EQ(problem(send("GET", path)), "404 about:blank") << path;
  }
}

TEST_F(HttpRouterTest, Answers405WithTheAllowedMethods) {
  for (const std::string method :
       {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"}) {
    const HttpResponse response = send(method, "/list");
    EXPECT_EQ(problem(response), "405 about:blank") << method;
    EXPECT_EQ(header(response, "Allow"), "GET, HEAD");
  }
  EXPECT_EQ(header(send("PUT", "/both"), "Allow"), "GET, HEAD, POST");
  for (const std::string method : {"GET", "HEAD"}) {
    const HttpResponse response = send(method, "/json");
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_EQ(header(response, "Allow"), "POST");
  }
}

TEST_F(HttpRouterTest, Answers403IfAPageOfAnotherOriginSendsAPost) {
  const auto status = [this](const HttpHeaders& headers, const std::string& method = "POST") {
    return send(method, "/both", "", headers).status;
  };
  for (const char* site : {"cross-site", "same-site", "", "same-origin, cross-site"}) {
    EXPECT_EQ(status({{"Sec-Fetch-Site", site}}), 403) << site;
    EXPECT_EQ(status({{"Sec-Fetch-Site", site}}, "GET"), 200) << site;
  }
  EXPECT_EQ(status({{"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "cross-site"}}), 403);
  for (const char* site : {"same-origin", "none"}) {
    EXPECT_EQ(status({{"Sec-Fetch-Site", site}, {"Origin", "https://behind.a.proxy"}}), 200);
  }
}

// Browsers send no Sec-Fetch-Site without TLS, except to their own machine.
TEST_F(HttpRouterTest, Answers403IfTheOriginOfAPostIsNotTheHost) {
  const auto status = [this](const std::string& origin, const std::string& method = "POST") {
    return send(method, "/both", "", {{"Host", "pay.example:8081"}, {"Origin", origin}}).status;
  };
  for (const char* origin : {"http://evil.example", "http://pay.example",
                             "http://pay.example:80812", "null", "", "pay.example:8081"}) {
    EXPECT_EQ(status(origin), 403) << origin;
    EXPECT_EQ(status(origin, "GET"), 200) << origin;
  }
  for (const char* origin : {"http://pay.example:8081", "https://Pay.example:8081"}) {
    EXPECT_EQ(status(origin), 200) << origin;
  }
  EXPECT_EQ(send("POST", "/both", "", {{"Host", "pay.example:8081"}}).status, 200);
  EXPECT_EQ(send("POST", "/both", "", {{"Origin", "http://pay.example"}}).status, 403);
}

// RFC 9110, section 9.1: methods are case-sensitive.
TEST_F(HttpRouterTest, Answers501ToUnknownMethodsWithTheirNames) {
  for (const std::string method : {"get", "Get", "GETS", "BREW", "PROPFIND", "X"}) {
    for (const std::string path : {"/list", "/nothing"}) {
      const HttpResponse response = send(method, path);
      EXPECT_EQ(problem(response), "501 about:blank") << method;
      EXPECT_NE(detail(response).find('"' + method + '"'), std::string::npos) << detail(response);
    }
  }
  EXPECT_LT(detail(send(std::string(5000, 'X'), "/list")).size(), 200U);
}

TEST_F(HttpRouterTest, Answers400ToQueryParametersWithTheirNames) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"limit=10", "limit"}, {"x", "x"}, {"a=1&b=2", "a"}, {"=1", ""}, {"&", ""},
      {"a%00=b", "a%00"}};
  for (const auto& [query, name] : table) {
    const HttpResponse response = send_query("GET", query);
    EXPECT_EQ(problem(response), "400 about:blank") << query;
    EXPECT_NE(detail(response).find('"' + name + '"'), std::string::npos) << detail(response);
  }
  EXPECT_EQ(send_query("HEAD", "x").status, 400);
  EXPECT_EQ(send_query("PUT", "x").status, 405);
  EXPECT_EQ(send_query("GET", "").status, 200);
}

TEST_F(HttpRouterTest, AcceptsJsonInUtf8WithAnyOtherParameters) {
  for (const std::string type :
       {"application/json", "Application/JSON", "application/json ;x=y",
        "application/json; charset=utf-8", "application/json;charset=UTF-8",
        "application/json; charset=\"utf-8\"", "application/json; x=y; Charset=Utf-8"}) {
    EXPECT_EQ(post_json("{}", type).body, "POST /json {}") << type;
  }
}

TEST_F(HttpRouterTest, Answers415ToOtherTypesAndNamesThem) {
  for (const std::string type : {"text/plain", "application/x-www-form-urlencoded", "json",
                                 "application/jsonp", "application/problem+json",
                                 "text/plain; application/json", "application/json, text/html"}) {
    const HttpResponse response = post_json("{}", type);
    EXPECT_EQ(problem(response), "415 about:blank") << type;
    EXPECT_NE(detail(response).find('"' + type + '"'), std::string::npos) << detail(response);
    EXPECT_NE(detail(response).find("application/json"), std::string::npos) << detail(response);
  }
  EXPECT_EQ(post_json("{}", "").status, 415);
  EXPECT_NE(detail(send("POST", "/json", "{}")).find("there is no Content-Type"),
            std::string::npos);
  const std::pair<std::string, std::string> json{"Content-Type", "application/json"};
  EXPECT_EQ(send("POST", "/json", "{}", {json, {"content-type", "text/html"}}).status, 415);
}

TEST_F(HttpRouterTest, Answers415ToOtherCharsetsAndNamesThem) {
  for (const std::string charset : {"latin1", "iso-8859-1", "utf-16", "utf8", "us-ascii"}) {
    const HttpResponse response = post_json("{}", "application/json; charset=" + charset);
    EXPECT_EQ(problem(response), "415 about:blank") << charset;
    EXPECT_NE(detail(response).find('"' + charset + '"'), std::string::npos) << detail(response);
  }
}

TEST_F(HttpRouterTest, WhatTheClientSentIsShortAndPrintableInDetails) {
  for (const std::string& type : {std::string(5000, 'x'), std::string("a\xff\x01\x80")}) {
    const std::string text = detail(post_json("{}", type));
    EXPECT_LT(text.size(), 200U);
    for (const char c : text) EXPECT_TRUE(c >= ' ' && c <= '~') << text;
  }
}

TEST_F(HttpRouterTest, RequiresNoTypeWithoutABodyOrWhereAnyBodyIsAccepted) {
  EXPECT_EQ(send("POST", "/json").status, 200);
  EXPECT_EQ(send("POST", "/any", "x", {{"Content-Type", "text/plain"}}).status, 200);
}

TEST_F(HttpRouterTest, Answers415ToCompressedBodies) {
  for (const HttpHeaders& headers :
       std::vector<HttpHeaders>{{{"Content-Encoding", "gzip"}},
                                {{"content-encoding", "identity, gzip"}},
                                {{"Content-Encoding", "identity"}, {"Content-Encoding", "gzip"}}}) {
    const HttpResponse response = send("POST", "/any", "x", headers);
    EXPECT_EQ(problem(response), "415 about:blank") << testing::PrintToString(headers);
    EXPECT_NE(detail(response).find("gzip"), std::string::npos) << detail(response);
  }
  EXPECT_EQ(send("POST", "/any", "x", {{"Content-Encoding", "Identity"}}).status, 200);
}

TEST_F(HttpRouterTest, TellsTheRouteAndItsBodyRuleBeforeTheBodyIsRead) {
  const auto any = match("POST", "/any", true);
  ASSERT_NE(any.route, nullptr);
  EXPECT_TRUE(any.route->reads_body);
  EXPECT_EQ(any.route->body_rule.max_bytes, 10U);
  EXPECT_FALSE(any.refusal);
  const auto list = match("GET", "/list", true);
  ASSERT_NE(list.route, nullptr);
  EXPECT_FALSE(list.route->reads_body);
  EXPECT_EQ(match("HEAD", "/list", false).route, list.route);
}

// So that the request counts for its route.
TEST_F(HttpRouterTest, TellsTheRouteOfARefusedRequest) {
  const auto refused = match("POST", "/json", true);
  EXPECT_NE(refused.route, nullptr);
  EXPECT_TRUE(refused.refusal);
  EXPECT_EQ(match("PUT", "/list", false).route, nullptr);
  EXPECT_EQ(match("GET", "/nothing", false).route, nullptr);
}

TEST_F(HttpRouterTest, CallsTheGuardBeforeAnythingElse) {
  router().set_guard([](const HttpRequest& request) -> std::optional<HttpResponse> {
    if (!request.header_values("Authorization").empty()) return std::nullopt;
    return HttpResponse{.status = 401};
  });
  EXPECT_EQ(send("GET", "/list").status, 401);
  EXPECT_EQ(send("GET", "/nothing").status, 401);
  EXPECT_EQ(send("PUT", "/list").status, 401);
  EXPECT_EQ(send("POST", "/any", "0123456789!").status, 401);
  EXPECT_EQ(send_query("GET", "x").status, 401);
  EXPECT_EQ(send("POST", "/any", "x", {{"Authorization", "y"}}).body, "POST /any x");
  EXPECT_EQ(send("GET", "/nothing", "", {{"Authorization", "y"}}).status, 404);
}

TEST_F(HttpRouterTest, Answers400ToBadRequestAndLogsNothing) {
  add_failing("/bad", BadRequest("Value is missing"));
  HttpResponse response;
  EXPECT_EQ(log_of([&] { response = send("GET", "/bad"); }), "");
  EXPECT_EQ(problem(response), "400 about:blank");
  EXPECT_EQ(detail(response), "Value is missing");
}

TEST_F(HttpRouterTest, Answers503WithRetryAfterToUnavailable) {
  add_failing("/unavailable", Unavailable("the disk is full"));
  const HttpResponse response = send("GET", "/unavailable");
  EXPECT_EQ(problem(response), "503 about:blank");
  EXPECT_EQ(header(response, "Retry-After"), "1");
  EXPECT_EQ(detail(response), "the service can't do this now; its log has the reason");
}

TEST_F(HttpRouterTest, Answers500ToOtherExceptionsAndLogsThem) {
  add_failing("/bug", std::logic_error("an inner secret"));
  HttpResponse response;
  const auto line = nlohmann::json::parse(log_of([&] { response = send("GET", "/bug"); }));
  EXPECT_EQ(problem(response), "500 about:blank");
  EXPECT_EQ(response.body.find("secret"), std::string::npos);
  EXPECT_EQ(line["level"], "error");
  EXPECT_EQ(line["error"], "an inner secret");
  EXPECT_EQ(line["request_id"], "test");
}

TEST_F(HttpRouterTest, SendsTheOutcomeOfADeferredHandler) {
  add_deferred();
  EXPECT_EQ(respond_later([] { return HttpResponse{.body = "later"}; }).value().body, "later");
}

TEST_F(HttpRouterTest, MapsExceptionsOfALaterOutcome) {
  add_deferred();
  const auto throws = [](const auto& error) -> Outcome<HttpResponse> {
    return [error]() -> HttpResponse { throw error; };
  };
  EXPECT_EQ(problem(respond_later(throws(BadRequest("no"))).value()), "400 about:blank");
  const HttpResponse unavailable = respond_later(throws(Unavailable("not now"))).value();
  EXPECT_EQ(problem(unavailable), "503 about:blank");
  EXPECT_EQ(header(unavailable, "Retry-After"), "1");
  EXPECT_EQ(problem(respond_later(throws(std::logic_error("bug"))).value()), "500 about:blank");
}

TEST_F(HttpRouterTest, MapsAnExceptionOfADeferredHandlerItself) {
  router().post_deferred("/throws", {}, [](const HttpRequest&, const HttpRespond&) {
    throw Unavailable("too many callers wait");
  });
  EXPECT_EQ(problem(send("POST", "/throws")), "503 about:blank");
}

TEST_F(HttpRouterTest, SetsTheRequestIdOfLogsDuringARequestAndItsLaterOutcome) {
  std::vector<std::string> seen;
  router().get("/id", [&seen](const HttpRequest&) {
    seen.push_back(current_request().request_id);
    return HttpResponse{};
  });
  add_deferred();
  send("GET", "/id");
  respond_later([&] {
    seen.push_back(current_request().request_id);
    return HttpResponse{};
  });
  EXPECT_EQ(seen, (std::vector<std::string>{"test", "r-1"}));
  EXPECT_EQ(current_request().request_id, "");
}

TEST(HttpRouter, ExportsTheStatusesOfARouteFromTheStart) {
  prometheus::Registry registry;
  HttpMetrics metrics(registry);
  HttpRouter router(metrics);
  const auto nothing = [](const HttpRequest&) { return HttpResponse(); };
  router.get("/list", nothing).may_respond({304});
  router.post("/add", {}, nothing);
  for (const char* labels :
       {R"(code="200",method="GET",path="/list")", R"(code="304",method="GET",path="/list")",
        R"(code="500",method="GET",path="/list")", R"(code="503",method="POST",path="/add")",
        R"(code="413",method="POST",path="/add")"}) {
    EXPECT_TRUE(tests::has_line(registry, "http_requests_total{" + std::string(labels) + "} 0"));
  }
}

TEST_F(HttpRouterTest, AnInstantHandlerGoesFirstAndMayGiveNoResponse) {
  std::optional<HttpResponse> instant = HttpResponse{.body = "now"};
  router().get(
      "/either", [](const HttpRequest&) { return HttpResponse{.body = "from a worker"}; },
      HttpRouter::Access::kGuarded, [&instant](const HttpRequest&) { return instant; });
  EXPECT_EQ(send("GET", "/either").body, "now");
  instant.reset();
  EXPECT_EQ(send("GET", "/either").body, "from a worker");
}

TEST_F(HttpRouterTest, TheFailureOfAnInstantHandlerIsAResponse) {
  const auto fail = [](const HttpRequest&) -> HttpResponse { throw Unavailable("no disk"); };
  router().get("/failing", {}, HttpRouter::Access::kGuarded, fail);
  EXPECT_EQ(problem(send("GET", "/failing")), "503 about:blank");
}

}  // namespace
}  // namespace common
