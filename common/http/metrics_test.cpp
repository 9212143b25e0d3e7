#include "common/http/metrics.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/metrics.h"

namespace common {
namespace {

using std::chrono::milliseconds;

class HttpMetricsTest : public testing::Test {
 protected:
  testing::AssertionResult has(const std::string& line) { return tests::has_line(registry_, line); }

  prometheus::Registry registry_;
  HttpMetrics metrics_{registry_};
};

TEST_F(HttpMetricsTest, CountsRequestsByRouteAndStatus) {
  HttpMetrics::Route list = metrics_.route("GET", "/list");
  HttpMetrics::Route pay = metrics_.route("POST", "/pay");
  list.expect({200, 404});
  for (const int status : {200, 200, 304, 404, 503}) list.observe(status, milliseconds(1));
  pay.observe(302, milliseconds(1));
  const std::string requests = "http_requests_total";
  EXPECT_TRUE(has(requests + R"({code="200",method="GET",path="/list"} 2)"));
  EXPECT_TRUE(has(requests + R"({code="304",method="GET",path="/list"} 1)"));
  EXPECT_TRUE(has(requests + R"({code="404",method="GET",path="/list"} 1)"));
  EXPECT_TRUE(has(requests + R"({code="503",method="GET",path="/list"} 1)"));
  EXPECT_TRUE(has(requests + R"({code="302",method="POST",path="/pay"} 1)"));
}

TEST_F(HttpMetricsTest, SeriesExistBeforeTheFirstRequest) {
  metrics_.route("GET", "/list").expect({200, 503});
  EXPECT_TRUE(has(R"(http_requests_total{code="200",method="GET",path="/list"} 0)"));
  EXPECT_TRUE(has(R"(http_requests_total{code="503",method="GET",path="/list"} 0)"));
  EXPECT_TRUE(has(R"(http_request_duration_seconds_count{method="GET",path="/list"} 0)"));
}

TEST_F(HttpMetricsTest, TimesAreInSeconds) {
  HttpMetrics::Route list = metrics_.route("GET", "/list");
  list.observe(200, milliseconds(500));
  list.observe(200, milliseconds(3));
  const std::string duration = "http_request_duration_seconds";
  EXPECT_TRUE(has(duration + R"(_sum{method="GET",path="/list"} 0.503)"));
  EXPECT_TRUE(has(duration + R"(_bucket{method="GET",path="/list",le="0.0025"} 0)"));
  EXPECT_TRUE(has(duration + R"(_bucket{method="GET",path="/list",le="0.005"} 1)"));
  EXPECT_TRUE(has(duration + R"(_bucket{method="GET",path="/list",le="0.5"} 2)"));
}

TEST_F(HttpMetricsTest, TheSameRouteTwiceIsOneSeries) {
  metrics_.route("GET", "/list").observe(200, milliseconds(1));
  metrics_.route("GET", "/list").observe(200, milliseconds(1));
  EXPECT_TRUE(has(R"(http_requests_total{code="200",method="GET",path="/list"} 2)"));
}

TEST_F(HttpMetricsTest, ListenersHaveTheirOwnGauge) {
  metrics_.connections_active("public").Set(3);
  metrics_.connections_active("admin").Increment();
  EXPECT_TRUE(has(R"(http_connections_active{listener="public"} 3)"));
  EXPECT_TRUE(has(R"(http_connections_active{listener="admin"} 1)"));
}

}  // namespace
}  // namespace common
