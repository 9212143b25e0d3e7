#include "common/http/metrics.h"

#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <string>

namespace common {
namespace {

using std::chrono::milliseconds;

class HttpMetricsTest : public testing::Test {
 protected:
  // Whether the text for Prometheus has this line.
  testing::AssertionResult has(const std::string& line) {
    const std::string text = prometheus::TextSerializer().Serialize(registry_.Collect());
    if (("\n" + text).find("\n" + line + "\n") != std::string::npos) {
      return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << "no line " << line << " in\n" << text;
  }

  prometheus::Registry registry_;
  HttpMetrics metrics_{registry_};
};

TEST_F(HttpMetricsTest, CountsRequestsByRouteAndClassOfStatus) {
  HttpMetrics::Route list = metrics_.route("GET", "/list");
  HttpMetrics::Route pay = metrics_.route("POST", "/pay");
  for (const int status : {200, 201, 299, 404, 503}) list.observe(status, milliseconds(1));
  pay.observe(302, milliseconds(1));
  const std::string requests = "http_requests_total";
  EXPECT_TRUE(has(requests + R"({method="GET",path="/list",status="2xx"} 3)"));
  EXPECT_TRUE(has(requests + R"({method="GET",path="/list",status="4xx"} 1)"));
  EXPECT_TRUE(has(requests + R"({method="GET",path="/list",status="5xx"} 1)"));
  EXPECT_TRUE(has(requests + R"({method="POST",path="/pay",status="3xx"} 1)"));
}

TEST_F(HttpMetricsTest, SeriesExistBeforeTheFirstRequest) {
  metrics_.route("GET", "/list");
  EXPECT_TRUE(has(R"(http_requests_total{method="GET",path="/list",status="5xx"} 0)"));
  EXPECT_TRUE(has(R"(http_request_duration_seconds_count{method="GET",path="/list"} 0)"));
}

TEST_F(HttpMetricsTest, InvalidStatusesAreCountedToo) {
  HttpMetrics::Route list = metrics_.route("GET", "/list");
  for (const int status : {-1, 0, 99, 600, 1'000'000}) list.observe(status, milliseconds(1));
  EXPECT_TRUE(has(R"(http_requests_total{method="GET",path="/list",status="1xx"} 3)"));
  EXPECT_TRUE(has(R"(http_requests_total{method="GET",path="/list",status="5xx"} 2)"));
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
  EXPECT_TRUE(has(R"(http_requests_total{method="GET",path="/list",status="2xx"} 2)"));
}

TEST_F(HttpMetricsTest, ListenersHaveTheirOwnGauge) {
  metrics_.connections_active("public").Set(3);
  metrics_.connections_active("admin").Increment();
  EXPECT_TRUE(has(R"(http_connections_active{listener="public"} 3)"));
  EXPECT_TRUE(has(R"(http_connections_active{listener="admin"} 1)"));
}

}  // namespace
}  // namespace common
