// The log of a whole program, and who reads it.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
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
  Environment environment() const {
    return {{"DATABASE_URL", "sqlite:" + (directory_ / "payments.db").string()}};
  }

  const TemporaryDirectory directory_;
};

TEST_F(LogReader, FindsEveryLineOfAServiceThatStopped) {
  constexpr int kRequests = 100;
  ServiceProcess service(PAYMENT_PROVIDER_BINARY, environment(), directory_ / "log");
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

// The port that the service logs once it listens.
int read_port(const common::FileDescriptor& log) {
  std::string text;
  int port = 0;
  EXPECT_TRUE(eventually([&] {
    std::array<char, 4096> buffer{};
    const ssize_t count = ::read(log.get(), buffer.data(), buffer.size());
    if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
    const std::string begin = R"("listener":"public","port":)";
    const std::size_t found = text.find(begin);
    if (found == std::string::npos || text.find('\n', found) == std::string::npos) return false;
    port = std::stoi(text.substr(found + begin.size()));
    return true;
  }));
  return port;
}

TEST_F(LogReader, ThatStopsReadingBlocksNeitherRequestsNorTheStop) {
  constexpr int kRequests = 1'000;  // log more than a pipe holds
  const std::string pipe = directory_ / "log";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const common::FileDescriptor reader(::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ServiceProcess service(PAYMENT_PROVIDER_BINARY, environment(), pipe);
  const std::string url = "http://127.0.0.1:" + std::to_string(read_port(reader));
  for (int i = 0; i < kRequests; ++i) get_json(url, "/payments");
  EXPECT_EQ(service.stop(), 0);
}

}  // namespace
}  // namespace tests
