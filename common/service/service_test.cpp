#include "common/service/service.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/file_descriptor.h"
#include "tests/support/eventually.h"
#include "tests/support/raw_client.h"
#include "tests/support/service_process.h"
#include "tests/support/sockets.h"

namespace common {
namespace {

using tests::eventually;
using tests::RawAnswer;
using tests::RawClient;

ServiceConfig config(const std::string& port_file = "", std::chrono::seconds drain_time = {}) {
  return {.port = 0,
          .admin_port = 0,
          .port_file = port_file,
          .http_threads = 2,
          .drain_time = drain_time,
          .database = {},
          .provider_token = {},
          .log_level = LogLevel::kInfo,
          .log_format = LogFormat::kJson};
}

RawAnswer get(int port, const std::string& path) {
  try {
    return RawClient(port).ask("GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n");
  } catch (const std::system_error&) {  // does not listen
    return {};
  }
}

class Answers final : public prometheus::Collectable {
 public:
  MetricFamilies Collect() const override { return {gauge_family("answers", "", {{42}})}; }
};

// A service that runs in a thread of its own.
class RunningService {
 public:
  explicit RunningService(std::chrono::seconds drain_time = {})
      : service_(config(directory_ / "ports", drain_time), [this] {
          if (!ready_) throw std::runtime_error("the database is gone");
        }) {
    block_stop_signals();
    service_.add_metrics(answers_);
    service_.router().get("/hello", [](const HttpRequest&) {
      return HttpResponse{.content_type = "text/plain", .body = "hello"};
    });
    service_.router().get("/wait", [this](const HttpRequest&) {
      waits_ = true;
      const bool was_called = eventually([&] { return stop_was_called_.load(); });
      return HttpResponse{.content_type = "text/plain", .body = was_called ? "waited" : "gave up"};
    });
    std::ofstream(directory_ / "ports") << "PORT=1\nADMIN_PORT=1\n";  // of an earlier process
    thread_ = std::thread([this] {
      service_.run([this] { stop_was_called_ = true; });
      ended_ = true;
    });
    EXPECT_TRUE(eventually([&] {
      const auto ports = tests::read_port_file(directory_ / "ports");
      ports_ = ports.value_or(tests::Ports{});
      return ports_.port > 1;
    }));
  }
  ~RunningService() {
    eventually([&] {
      if (!ended_) signal(SIGTERM);
      return ended_.load();
    });
    thread_.join();
  }
  RunningService(const RunningService&) = delete;
  RunningService& operator=(const RunningService&) = delete;

  void signal(int number) { pthread_kill(thread_.native_handle(), number); }
  void set_ready(bool ready) { ready_ = ready; }
  RawAnswer ask(const std::string& path) const { return get(ports_.port, path); }
  RawAnswer ask_admin(const std::string& path) const { return get(ports_.admin_port, path); }
  bool waits() const { return waits_; }
  bool stop_was_called() const { return stop_was_called_; }
  bool ended() const { return ended_; }

 private:
  const tests::TemporaryDirectory directory_;
  const Answers answers_;
  tests::Ports ports_;
  std::atomic<bool> ready_ = true;
  std::atomic<bool> waits_ = false;
  std::atomic<bool> stop_was_called_ = false;
  std::atomic<bool> ended_ = false;
  Service service_;
  std::thread thread_;
};

TEST(Service, HasReadinessAndMetricsOnTheAdminPortAlone) {
  const RunningService service;
  EXPECT_EQ(service.ask("/hello").status, 200);
  EXPECT_EQ(service.ask_admin("/livez").body, "alive\n");
  EXPECT_EQ(service.ask_admin("/readyz").body, "ready\n");
  RawAnswer metrics;
  EXPECT_TRUE(eventually([&] {  // the worker of an earlier request may count as busy a bit longer
    metrics = service.ask_admin("/metrics");
    return metrics.body.find("\nhttp_workers_busy{listener=\"admin\"} 1\n") != std::string::npos;
  }));
  EXPECT_TRUE(metrics.header("Content-Type").starts_with("text/plain; version=0.0.4"));
  for (const char* line :
       {R"(http_requests_total{code="200",method="GET",path="/hello"} 1)",
        R"(http_requests_total{code="503",method="GET",path="/hello"} 0)",
        R"(http_workers{listener="public"} 2)", R"(http_workers_busy{listener="admin"} 1)",
        R"(http_requests_queued{listener="public"} 0)", "process_threads ", "answers 42"}) {
    EXPECT_NE(metrics.body.find(std::string("\n") + line), std::string::npos)
        << line << " is not in\n"
        << metrics.body;
  }
  for (const char* path : {"/readyz", "/metrics"}) {
    EXPECT_EQ(service.ask(path).status, 404) << path;
  }
  EXPECT_EQ(service.ask_admin("/hello").status, 404);
}

TEST(Service, CountsLogLinesThatStandardOutputRefused) {
  const FileDescriptor standard_output(::dup(STDOUT_FILENO));
  ::dup2(FileDescriptor(::open("/dev/full", O_WRONLY | O_CLOEXEC)).get(), STDOUT_FILENO);
  init_logging("tester", LogLevel::kInfo, LogFormat::kJson);
  {
    const RunningService service;
    EXPECT_TRUE(eventually([&] {  // each request logs a line
      service.ask("/hello");
      const std::string metrics = service.ask_admin("/metrics").body;
      return metrics.find("\n# TYPE log_lines_dropped_total counter\n") != std::string::npos &&
             metrics.find("\nlog_lines_dropped_total 0\n") == std::string::npos;
    }));
  }
  stop_logging(EXIT_FAILURE);
  ::dup2(standard_output.get(), STDOUT_FILENO);
}

TEST(Service, IsNotReadyWhileItsCheckFailsAndSaysWhy) {
  RunningService service;
  service.set_ready(false);
  const RawAnswer answer = service.ask_admin("/readyz");
  EXPECT_EQ(answer.status, 503);
  EXPECT_NE(answer.body.find("the database is gone"), std::string::npos) << answer.body;
  EXPECT_EQ(service.ask_admin("/livez").status, 200);  // a restart would not help
  EXPECT_EQ(service.ask("/hello").status, 200);
  service.set_ready(true);
  EXPECT_EQ(service.ask_admin("/readyz").status, 200);
}

// Load balancers check the port that they send requests to.
TEST(Service, IsAliveOnBothPorts) {
  RunningService service;
  EXPECT_EQ(service.ask("/livez").body, "alive\n");
  EXPECT_EQ(service.ask_admin("/livez").body, "alive\n");
}

TEST(Service, EndsAtOnceWithNothingToDrain) {
  for (const int number : {SIGTERM, SIGINT}) {
    RunningService service;
    service.signal(number);
    EXPECT_TRUE(eventually([&] { return service.ended(); }));
    EXPECT_TRUE(service.stop_was_called());
    EXPECT_EQ(service.ask("/hello").status, 0);
    EXPECT_EQ(service.ask_admin("/livez").status, 0);
  }
}

TEST(Service, WhileDrainingItServesButIsNotReady) {
  RunningService service(std::chrono::seconds(300));
  EXPECT_EQ(service.ask("/hello").header("Connection"), "");
  service.signal(SIGTERM);
  ASSERT_TRUE(eventually([&] { return service.ask_admin("/readyz").status == 503; }));
  ASSERT_TRUE(eventually([&] { return service.ask("/hello").header("Connection") == "close"; }));
  EXPECT_EQ(service.ask("/hello").body, "hello");
  EXPECT_EQ(service.ask_admin("/livez").status, 200);
  EXPECT_FALSE(service.stop_was_called());
  service.signal(SIGTERM);  // ends the draining
  EXPECT_TRUE(eventually([&] { return service.ended(); }));
}

TEST(Service, FinishesRequestsThatWaitForItsOwnWorkToStop) {
  RunningService service;
  RawAnswer answer;
  std::thread client([&] { answer = service.ask("/wait"); });
  EXPECT_TRUE(eventually([&] { return service.waits(); }));
  service.signal(SIGTERM);
  client.join();
  EXPECT_EQ(answer.body, "waited");
}

std::string reason_not_to_run(Service& service) {
  try {
    service.run([] {});
    return "it ran";
  } catch (const std::system_error& error) {
    return error.what();
  }
}

TEST(Service, NamesThePortThatIsTaken) {
  const tests::Listener taken;
  for (int ServiceConfig::*port : {&ServiceConfig::port, &ServiceConfig::admin_port}) {
    ServiceConfig with_taken_port = config();
    with_taken_port.*port = taken.port();
    Service service(with_taken_port, [] {});
    EXPECT_NE(reason_not_to_run(service).find(":" + std::to_string(taken.port())),
              std::string::npos);
  }
}

TEST(Service, SaysWhyThePortFileCannotBeWritten) {
  const tests::TemporaryDirectory directory;
  const std::string file = directory / "missing/ports";
  Service service(config(file), [] {});
  EXPECT_EQ(reason_not_to_run(service),
            "can't write PORT_FILE " + file + ": No such file or directory");
}

TEST(Service, DoesNotReplaceAnythingElseByThePortFile) {
  const tests::TemporaryDirectory directory;
  const std::string database = directory / "invoices.db";
  std::ofstream(database) << "SQLite format 3";
  ASSERT_EQ(::symlink(database.c_str(), (directory / "link").c_str()), 0);
  ASSERT_EQ(::mkfifo((directory / "pipe").c_str(), 0600), 0);
  std::filesystem::create_directory(directory / "directory");
  for (const std::string name : {"invoices.db", "link", "pipe", "directory"}) {
    const std::string file = directory / name;
    Service service(config(file), [] {});
    EXPECT_EQ(reason_not_to_run(service),
              "PORT_FILE " + file + " is another kind of file: File exists");
  }
  std::ostringstream kept;
  kept << std::ifstream(database).rdbuf();
  EXPECT_EQ(kept.str(), "SQLite format 3");
  const std::filesystem::directory_iterator left(directory / ".");
  EXPECT_EQ(std::distance(begin(left), end(left)), 4);  // no temporary file
}

ServiceConfig read_config(const std::map<std::string, std::string>& variables) {
  Environment environment([&](const std::string& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
  return read_service_config(
      environment, {.port = 8081, .admin_port = 9081, .database_url = "sqlite:default.db"});
}

TEST(ServiceConfig, HasDefaults) {
  const ServiceConfig config = read_config({});
  EXPECT_EQ(config.port, 8081);
  EXPECT_EQ(config.admin_port, 9081);
  EXPECT_EQ(config.port_file, "");
  EXPECT_EQ(config.http_threads, kServerWorkers);
  EXPECT_EQ(config.drain_time, std::chrono::seconds(0));
  EXPECT_EQ(config.database.location, "default.db");
  EXPECT_EQ(config.provider_token, std::nullopt);
  EXPECT_EQ(config.log_level, LogLevel::kInfo);
  EXPECT_EQ(config.log_format, LogFormat::kAuto);
}

TEST(ServiceConfig, DoesNotShowAUrlThatMayHaveAPassword) {
  try {
    read_config({{"DATABASE_URL", "postgresql://app:s3cret@h?nonsense=1"}});
    ADD_FAILURE();
  } catch (const ConfigError& error) {
    const std::string what = error.what();
    EXPECT_NE(what.find("DATABASE_URL"), std::string::npos) << what;
    EXPECT_EQ(what.find("s3cret"), std::string::npos) << what;
  }
}

TEST(ServiceConfig, RefusesBadValuesAndNamesThem) {
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"PORT", "-1"},           {"PORT", "65536"},          {"PORT", "http"},
      {"ADMIN_PORT", "8081x"},  {"HTTP_THREADS", "0"},      {"DRAIN_SECONDS", "-1"},
      {"DRAIN_SECONDS", "301"}, {"DATABASE_URL", "a.db"},   {"DATABASE_URL", "sqlite:"},
      {"LOG_LEVEL", "loud"},    {"LOG_FORMAT", "xml"},      {"DATABASE_URL", "sqlite::memory:"},
      {"PORT", " 1"},           {"HTTP_THREADS", "999999"}, {"PROVIDER_TOKEN_FILE", "/no/such"}};
  for (const auto& [name, value] : bad) {
    try {
      read_config({{name, value}});
      ADD_FAILURE() << name << " accepts " << value;
    } catch (const ConfigError& error) {
      const std::string what = error.what();
      EXPECT_NE(what.find(name), std::string::npos) << what;
      EXPECT_NE(what.find(value), std::string::npos) << what;
    }
  }
}

}  // namespace
}  // namespace common
