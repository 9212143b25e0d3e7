#include "common/service/run.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/base/file_descriptor.h"

namespace common {
namespace {

struct Config {
  ServiceConfig service;
  int answer;
};

Config read_config(Environment& environment) {
  return {.service = read_service_config(
              environment, {.port = 0, .admin_port = 0, .database_url = "sqlite:test.db"}),
          .answer = environment.integer("ANSWER", 42, 0, 100, "what to say")};
}

void must_not_serve(const Config& /*config*/) { ADD_FAILURE() << "serves"; }

struct Outcome {
  int status;
  std::string out;
  std::string err;
};

template <typename ReadConfig, typename Serve>
Outcome outcome_of(std::vector<std::string> arguments, ReadConfig read_config, Serve serve) {
  arguments.insert(arguments.begin(), "program");
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int status = run(static_cast<int>(arguments.size()), argv.data(),
                         {.name = "tester", .summary = "tests"}, read_config, serve);
  std::string out = testing::internal::GetCapturedStdout();
  return {status, std::move(out), testing::internal::GetCapturedStderr()};
}

TEST(Run, PrintsVersionAndHelpAndServesNothing) {
  const Outcome version = outcome_of({"--version"}, read_config, must_not_serve);
  EXPECT_EQ(version.status, 0);
  EXPECT_TRUE(version.out.starts_with("tester ")) << version.out;
  for (const char* option : {"--help", "-h"}) {
    const Outcome help = outcome_of({option}, read_config, must_not_serve);
    EXPECT_EQ(help.status, 0);
    for (const char* part :
         {"tester: tests", "Usage:", "PORT_FILE", "ANSWER", "42", "what to say"}) {
      EXPECT_NE(help.out.find(part), std::string::npos) << part << " in " << help.out;
    }
  }
}

TEST(Run, RefusesUnknownArguments) {
  for (const std::string argument : {"--port", "serve", ""}) {
    const Outcome outcome = outcome_of({argument}, read_config, must_not_serve);
    EXPECT_EQ(outcome.status, 2) << argument;
    EXPECT_NE(outcome.err.find("\"" + argument + "\""), std::string::npos) << outcome.err;
  }
  EXPECT_EQ(outcome_of({"--help", "me"}, read_config, must_not_serve).status, 2);
}

TEST(Run, AuditsWithTheConfigurationThatItReadIfTheProgramHasAnAudit) {
  const About about{.name = "tester", .summary = "tests", .audit_help = "--audit compares"};
  const auto audit_with = [&about](auto audit) {
    std::string program = "program";
    std::string option = "--audit";
    char* argv[] = {program.data(), option.data(), nullptr};
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int status = run(2, argv, about, read_config, must_not_serve, audit);
    std::string out = testing::internal::GetCapturedStdout();
    return Outcome{status, std::move(out), testing::internal::GetCapturedStderr()};
  };
  const Outcome different = audit_with([](const Config& config) {
    EXPECT_EQ(config.answer, 42);
    return 1;
  });
  EXPECT_EQ(different.status, 1);
  EXPECT_EQ(different.out, "");
  const Outcome failed =
      audit_with([](const Config& /*config*/) -> int { throw std::runtime_error("no luck"); });
  EXPECT_EQ(failed.status, 2);
  EXPECT_EQ(failed.out, "");
  EXPECT_EQ(failed.err, "tester: no luck\n");
  EXPECT_EQ(outcome_of({"--audit"}, read_config, must_not_serve).status, 2);
}

TEST(Run, ServesWithTheConfigurationThatItRead) {
  int answer = 0;
  const Outcome outcome =
      outcome_of({}, read_config, [&](const Config& config) { answer = config.answer; });
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(answer, 42);
}

TEST(Run, OpensStandardStreamsThatAreClosedSoThatNoDatabaseGetsTheNumberOfTheLog) {
  const FileDescriptor input(::dup(STDIN_FILENO));
  ::close(STDIN_FILENO);
  int opened = -1;
  outcome_of({}, read_config, [&](const Config& /*config*/) {
    opened = FileDescriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)).get();
  });
  ::dup2(input.get(), STDIN_FILENO);
  EXPECT_GT(opened, STDERR_FILENO);
}

TEST(Run, PrintsTheErrorAndReturnsItsStatus) {
  const Outcome failed = outcome_of(
      {}, read_config, [](const Config& /*config*/) { throw std::runtime_error("no such luck"); });
  EXPECT_EQ(failed.status, 1);
  EXPECT_EQ(failed.err, "tester: no such luck\n");
  EXPECT_NE(failed.out.find("no such luck"), std::string::npos) << failed.out;  // in the log
  const auto refuse = [](Environment&) -> Config { throw ConfigError("PORT", "x", "0..65535"); };
  const Outcome refused = outcome_of({}, refuse, must_not_serve);
  EXPECT_EQ(refused.status, 2);
  for (const char* part : {"tester: ", "PORT", "x", "0..65535"}) {
    EXPECT_NE(refused.err.find(part), std::string::npos) << refused.err;
  }
}

}  // namespace
}  // namespace common
