#include "common/http/router.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/bad_request.h"
#include "common/base/unavailable.h"
#include "common/log/log.h"

namespace common {
namespace {

std::string header(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (equal_ignoring_case(key, name)) return value;
  }
  return "";
}

nlohmann::json problem(const HttpResponse& response) {
  EXPECT_EQ(response.content_type, "application/problem+json");
  return nlohmann::json::parse(response.body);
}

// /list allows GET, /both GET and POST, /json POST of JSON, /any POST of any type; 10 bytes each.
class HttpRouterTest : public testing::Test {
 protected:
  HttpRouterTest() {
    const auto echo = [](const HttpRequest& request) {
      return HttpResponse{.body = request.method + ' ' + request.path + ' ' + request.body};
    };
    router_.get("/list", echo);
    router_.get("/both", echo);
    router_.post("/both", {}, echo);
    router_.post("/json", {.max_bytes = 10, .json_required = true}, echo);
    router_.post("/any", {.max_bytes = 10}, echo);
  }

  // A request whose body, if there is one, has a Content-Length.
  HttpResponse send(const std::string& method, const std::string& path,
                    const std::string& body = "", HttpHeaders headers = {}) {
    routed_ = {.request = {.method = method, .path = path, .headers = std::move(headers)},
               .framing = BodyFraming{.length = body.size()}};
    return answer(body);
  }

  HttpResponse post_json(const std::string& body, const std::string& type) {
    return send("POST", "/json", body, {{"Content-Type", type}});
  }

  HttpResponse send_chunked(const std::string& bytes) {
    routed_ = {.request = {.method = "POST", .path = "/any"},
               .framing = BodyFraming{.chunked = true}};
    return answer(bytes);
  }

  HttpResponse answer(const std::string& bytes) {
    routed_.read_body = [left = bytes](char* to, std::size_t size) mutable {
      const std::size_t count = left.copy(to, size);
      left.erase(0, count);
      return static_cast<std::ptrdiff_t>(count);
    };
    return router_.answer(routed_);
  }

  // The response, and what was logged.
  std::pair<HttpResponse, std::string> send_and_log(const std::string& path) {
    testing::internal::CaptureStdout();
    init_logging("router-test", LogLevel::kInfo, LogFormat::kJson);
    HttpResponse response = send("GET", path);
    stop_logging(EXIT_SUCCESS);
    return {std::move(response), testing::internal::GetCapturedStdout()};
  }

  template <typename Error>
  void add_failing(const std::string& path, Error error) {
    router_.get(path, [error](const HttpRequest&) -> HttpResponse { throw error; });
  }

  prometheus::Registry registry_;
  HttpMetrics metrics_{registry_};
  HttpRouter router_{metrics_};
  RoutedRequest routed_;  // the last one
};

TEST_F(HttpRouterTest, CallsTheHandlerOfPathAndMethod) {
  EXPECT_EQ(send("GET", "/list").body, "GET /list ");
  EXPECT_EQ(send("GET", "/both").body, "GET /both ");
  EXPECT_EQ(send("POST", "/both", "x").body, "POST /both x");
}

TEST_F(HttpRouterTest, ServesHeadAsGet) {
  const HttpResponse response = send("HEAD", "/list");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "HEAD /list ");
}

TEST_F(HttpRouterTest, Answers404ForOtherPaths) {
  for (const std::string path : {"", "/", "/lis", "/list/", "/listx", "/LIST", "//list", "/list/1",
                                 "/./list", "/%6cist", "list"}) {
    const HttpResponse response = send("GET", path);
    EXPECT_EQ(response.status, 404) << path;
    EXPECT_EQ(problem(response)["status"], 404);
  }
  EXPECT_EQ(routed_.metrics, nullptr);
}

TEST_F(HttpRouterTest, Answers405WithTheAllowedMethods) {
  for (const std::string method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get", "", "X"}) {
    const HttpResponse response = send(method, "/list");
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_EQ(header(response, "Allow"), "GET, HEAD");
    EXPECT_EQ(problem(response)["title"], "Method Not Allowed");
  }
  EXPECT_EQ(header(send("PUT", "/both"), "Allow"), "GET, HEAD, POST");
  for (const std::string method : {"GET", "HEAD"}) {
    const HttpResponse response = send(method, "/json");
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_EQ(header(response, "Allow"), "POST");
  }
}

TEST_F(HttpRouterTest, AcceptsJsonWithAnyParameters) {
  for (const std::string type : {"application/json", "Application/JSON", "application/json ;x=y",
                                 "application/json; charset=utf-8"}) {
    EXPECT_EQ(post_json("{}", type).body, "POST /json {}") << type;
  }
}

TEST_F(HttpRouterTest, Answers415WhereJsonIsRequired) {
  for (const std::string type : {"", "text/plain", "application/x-www-form-urlencoded", "json",
                                 "application/jsonp", "application/problem+json",
                                 "text/plain; application/json", "application/json, text/html"}) {
    const HttpResponse response = post_json("{}", type);
    EXPECT_EQ(response.status, 415) << type;
    EXPECT_EQ(problem(response)["detail"], "Content-Type must be application/json");
    EXPECT_FALSE(routed_.body_was_read);
  }
  EXPECT_EQ(send("POST", "/json", "{}").status, 415);
  const std::pair<std::string, std::string> json{"Content-Type", "application/json"};
  EXPECT_EQ(send("POST", "/json", "{}", {json, {"content-type", "text/html"}}).status, 415);
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
    EXPECT_EQ(send("POST", "/any", "x", headers).status, 415) << testing::PrintToString(headers);
  }
  EXPECT_EQ(send("POST", "/any", "x", {{"Content-Encoding", "Identity"}}).status, 200);
}

TEST_F(HttpRouterTest, Answers413OverTheLimitWithoutReading) {
  EXPECT_EQ(send("POST", "/any", "0123456789").body, "POST /any 0123456789");
  EXPECT_TRUE(routed_.body_was_read);
  const HttpResponse response = send("POST", "/any", "0123456789!");
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(problem(response)["detail"], "the body is longer than 10 bytes");
  EXPECT_FALSE(routed_.body_was_read);
  EXPECT_EQ(send_chunked("b\r\n0123456789!\r\n0\r\n\r\n").status, 413);
}

TEST_F(HttpRouterTest, ReadsChunkedBodies) {
  EXPECT_EQ(send_chunked("3\r\nabc\r\n0\r\n\r\n").body, "POST /any abc");
  EXPECT_TRUE(routed_.body_was_read);
  EXPECT_EQ(send_chunked("x\r\n").status, 400);
  EXPECT_FALSE(routed_.body_was_read);
  EXPECT_EQ(send_chunked("3\r\nab").status, 408);
  EXPECT_FALSE(routed_.body_was_read);
}

TEST_F(HttpRouterTest, LeavesTheBodyOfAGetUnread) {
  EXPECT_EQ(send("GET", "/list", "x").body, "GET /list ");
  EXPECT_FALSE(routed_.body_was_read);
}

TEST_F(HttpRouterTest, Answers400WhenTheLengthOfTheBodyIsInvalid) {
  routed_ = {.request = {.method = "POST", .path = "/any"}, .framing = std::nullopt};
  const HttpResponse response = answer("x");
  EXPECT_EQ(response.status, 400);
  EXPECT_FALSE(routed_.body_was_read);
}

TEST_F(HttpRouterTest, CallsTheGuardBeforeAnythingElse) {
  router_.set_guard([](const HttpRequest& request) -> std::optional<HttpResponse> {
    if (!request.header_values("Authorization").empty()) return std::nullopt;
    return HttpResponse{.status = 401};
  });
  EXPECT_EQ(send("GET", "/list").status, 401);
  EXPECT_EQ(send("GET", "/nothing").status, 401);
  EXPECT_EQ(send("PUT", "/list").status, 401);
  EXPECT_EQ(send("POST", "/any", "0123456789!").status, 401);
  EXPECT_FALSE(routed_.body_was_read);
  EXPECT_EQ(send("POST", "/any", "x", {{"Authorization", "y"}}).body, "POST /any x");
  EXPECT_EQ(send("GET", "/nothing", "", {{"Authorization", "y"}}).status, 404);
}

TEST_F(HttpRouterTest, Answers400ToBadRequestAndLogsNothing) {
  add_failing("/bad", BadRequest("Value is missing"));
  const auto [response, log] = send_and_log("/bad");
  EXPECT_EQ(log, "");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(problem(response)["type"], "about:blank");
  EXPECT_EQ(problem(response)["detail"], "Value is missing");
}

TEST_F(HttpRouterTest, Answers503WithRetryAfterToUnavailable) {
  add_failing("/unavailable", Unavailable("the disk is full"));
  const HttpResponse response = send("GET", "/unavailable");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(header(response, "Retry-After"), "1");
  EXPECT_EQ(problem(response)["detail"], "the disk is full");
}

TEST_F(HttpRouterTest, Answers500ToOtherExceptionsAndLogsThem) {
  add_failing("/bug", std::logic_error("an inner secret"));
  const auto [response, log] = send_and_log("/bug");
  const auto line = nlohmann::json::parse(log);
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body.find("secret"), std::string::npos);
  EXPECT_EQ(problem(response)["status"], 500);
  EXPECT_EQ(line["level"], "error");
  EXPECT_EQ(line["error"], "an inner secret");
}

TEST_F(HttpRouterTest, RespondsWhenTheGuardOrTheConnectionThrows) {
  router_.set_guard(
      [](const HttpRequest&) -> std::optional<HttpResponse> { throw Unavailable("not now"); });
  EXPECT_EQ(send("GET", "/list").status, 503);
  router_.set_guard(nullptr);
  routed_ = {
      .request = {.method = "POST", .path = "/any"},
      .framing = BodyFraming{.length = 5},
      .read_body = [](char*, std::size_t) -> std::ptrdiff_t { throw std::runtime_error("reset"); }};
  EXPECT_EQ(router_.answer(routed_).status, 500);
  EXPECT_FALSE(routed_.body_was_read);
}

TEST_F(HttpRouterTest, SetsTheRequestIdOfLogsDuringARequest) {
  std::string seen;
  router_.get("/id", [&seen](const HttpRequest&) {
    seen = current_request_id();
    return HttpResponse{};
  });
  routed_ = {.request = {.method = "GET", .path = "/id", .request_id = "r-1"},
             .framing = BodyFraming{}};
  answer("");
  EXPECT_EQ(seen, "r-1");
  EXPECT_EQ(current_request_id(), "");
}

TEST_F(HttpRouterTest, TellsTheRouteWhoseMetricsCountTheRequest) {
  send("GET", "/list");
  const HttpMetrics::Route* list = routed_.metrics;
  EXPECT_NE(list, nullptr);
  send("HEAD", "/list");
  EXPECT_EQ(routed_.metrics, list);
  send("POST", "/any", "0123456789!");  // refused, but the route is known
  EXPECT_NE(routed_.metrics, nullptr);
  EXPECT_NE(routed_.metrics, list);
  send("PUT", "/list");
  EXPECT_EQ(routed_.metrics, nullptr);
}

}  // namespace
}  // namespace common
