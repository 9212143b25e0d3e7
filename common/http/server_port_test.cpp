// Addresses and ports on which the server listens.

#include <gtest/gtest.h>

#include <string>
#include <system_error>
#include <utility>

#include "common/http/server.h"
#include "common/http/server_fixture.h"
#include "tests/support/raw_client.h"
#include "tests/support/sockets.h"

namespace common {
namespace {

using tests::RawClient;
using HttpServerPortTest = HttpServerTest;

TEST_F(HttpServerPortTest, ListensOnAllAddressesByDefault) {
  options_.host = "";
  start();
  EXPECT_EQ(RawClient(port()).ask(kHello).body, "hello");
  if (!tests::has_ipv6()) GTEST_SKIP() << "no IPv6";
  EXPECT_EQ(RawClient(port(), 0, "::1").ask(kHello).body, "hello");
}

TEST_F(HttpServerPortTest, TwoServersDoNotShareAPort) {
  const std::pair<std::string, std::string> hosts[] = {{"127.0.0.1", "127.0.0.1"},
                                                       {"", ""},
                                                       {"0.0.0.0", ""},
                                                       {"", "0.0.0.0"},
                                                       {"127.0.0.1", ""},
                                                       {"", "127.0.0.1"},
                                                       {"127.0.0.1", "0.0.0.0"},
                                                       {"0.0.0.0", "0.0.0.0"}};
  for (const auto& [host, other] : hosts) {
    options_.host = host;
    start();
    HttpServer second({.host = other, .port = port()}, metrics_);
    try {
      second.bind();
      ADD_FAILURE() << host << " and " << other << " share a port";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::address_in_use) << error.what();
      EXPECT_NE(std::string(error.what()).find(":" + std::to_string(port())), std::string::npos)
          << error.what();
    }
  }
}

TEST_F(HttpServerPortTest, AnInvalidHostIsAnErrorWithItsName) {
  for (const std::string host : {"example.com", "256.0.0.1", "[::1]", "192.0.2.1"}) {
    HttpServer server({.host = host}, metrics_);
    try {
      server.bind();
      ADD_FAILURE() << host;
    } catch (const std::system_error& error) {
      EXPECT_NE(std::string(error.what()).find(host), std::string::npos) << error.what();
    }
  }
}

TEST_F(HttpServerPortTest, TakesAPortAgainAtOnce) {
  start();
  const int port = server_->port();
  RawClient client = connect();
  EXPECT_EQ(client.ask(request("GET /hello", "Connection: close\r\n")).status, 200);
  server_.reset();
  HttpServer second({.host = "127.0.0.1", .port = port}, metrics_);
  EXPECT_NO_THROW(second.bind());
}

}  // namespace
}  // namespace common
