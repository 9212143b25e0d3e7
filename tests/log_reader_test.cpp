// The log of a whole program, and who reads it.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "common/base/file_descriptor.h"
#include "common/http/client.h"
#include "tests/support/api.h"
#include "tests/support/eventually.h"
#include "tests/support/service_process.h"

namespace tests {
namespace {

class LogReader : public testing::Test {
 protected:
  Variables variables() const {
    return {{"DATABASE_URL", "sqlite:" + (directory_ / "payments.db").string()}};
  }

  const TemporaryDirectory directory_;
};

TEST_F(LogReader, FindsEveryLineOfAServiceThatStopped) {
  constexpr int kRequests = 100;
  ServiceProcess service(PAYMENT_PROVIDER_BINARY, variables(), directory_ / "log");
  service.await_ready();
  for (int i = 0; i < kRequests; ++i) get_json(service.url(), "/payments");
  EXPECT_EQ(service.stop(), 0);

  std::vector<std::string> messages;
  std::istringstream lines(service.log());
  for (std::string line; std::getline(lines, line);) {
    messages.push_back(nlohmann::json::parse(line)["message"]);
  }
  EXPECT_EQ(std::count(messages.begin(), messages.end(), "request"), kRequests);
  EXPECT_EQ(messages.back(), "stopped");
}

TEST_F(LogReader, ThatStopsReadingBlocksNeitherRequestsNorTheStop) {
  constexpr int kRequests = 1'000;  // log more than a pipe holds
  const std::string pipe = directory_ / "log";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const common::FileDescriptor reader(::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ServiceProcess service(PAYMENT_PROVIDER_BINARY, variables(), pipe);
  service.await_ready();
  for (int i = 0; i < kRequests; ++i) get_json(service.url(), "/payments");
  EXPECT_EQ(service.stop(), 0);
}

}  // namespace
}  // namespace tests
