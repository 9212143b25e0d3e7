#include "tests/support/service_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "common/http/client.h"
#include "tests/support/eventually.h"

namespace tests {
namespace {

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (std::string& string : strings) result.push_back(string.data());
  result.push_back(nullptr);
  return result;
}

pid_t spawn(const std::string& binary, const Variables& variables,
            const std::filesystem::path& log_file) {
  std::vector<std::string> arguments = {binary};
  std::vector<std::string> environment;
  environment.reserve(variables.size());
  for (const auto& [name, value] : variables)
    environment.push_back(std::string(name).append("=").append(value));

  posix_spawn_file_actions_t actions{};
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                   0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, binary.c_str(), &actions, nullptr, pointers(arguments).data(),
                                pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::system_error(error, std::generic_category(), binary);
  return pid;
}

std::streamoff size_of(const std::filesystem::path& file) {
  std::error_code missing;
  const auto size = std::filesystem::file_size(file, missing);
  return missing ? 0 : static_cast<std::streamoff>(size);
}

Variables with_defaults(Variables variables, const std::filesystem::path& port_file) {
  variables.try_emplace("PORT", "0");
  variables.try_emplace("ADMIN_PORT", "0");
  variables["PORT_FILE"] = port_file;
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"}) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): none are set
    if (value != nullptr) variables.try_emplace(name, value);
  }
  return variables;
}

}  // namespace

std::optional<Ports> read_port_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  const auto next_value = [&file] {
    int value = 0;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '=') >> value;
    return value;
  };
  const Ports ports{.port = next_value(), .admin_port = next_value()};
  return file ? std::optional(ports) : std::nullopt;
}

ServiceProcess::ServiceProcess(const std::string& binary, Variables variables,
                               std::filesystem::path log_file)
    : binary_(binary),
      log_file_(std::move(log_file)),
      log_begin_(size_of(log_file_)),
      pid_(spawn(binary, with_defaults(std::move(variables), directory_ / "ports"), log_file_)) {}

ServiceProcess::~ServiceProcess() {
  if (end_) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void ServiceProcess::await_listening() {
  const bool listens = eventually([this] {
    if (poll_end()) fail("ended instead of getting ready");
    const auto ports = read_port_file(directory_ / "ports");
    ports_ = ports.value_or(Ports{});
    return ports.has_value();
  });
  if (!listens) fail("doesn't listen");
}

void ServiceProcess::await_ready() {
  await_listening();
  common::HttpClient admin({.base_url = admin_url()});
  const bool ready = eventually([&] {
    if (poll_end()) fail("ended instead of getting ready");
    const auto result = admin.get("/readyz");
    const auto* reply = std::get_if<common::HttpReply>(&result);
    return reply != nullptr && reply->status == 200;
  });
  if (!ready) fail("doesn't get ready");
}

long ServiceProcess::status(const std::string& name) const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/status");
  for (std::string word; file >> word;) {
    long value = 0;
    if (word == name + ":" && file >> value) return value;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  fail("has no " + name + " in /proc");
}

void ServiceProcess::signal(int number) const { ::kill(pid_, number); }

std::optional<int> ServiceProcess::poll_end() {
  int status = 0;
  if (!end_ && ::waitpid(pid_, &status, WNOHANG) == pid_) {
    end_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  return end_;
}

int ServiceProcess::wait() {
  if (!eventually([this] { return poll_end().has_value(); })) fail("doesn't end");
  return *end_;
}

int ServiceProcess::stop() {
  signal(SIGTERM);
  return wait();
}

int ServiceProcess::kill() {
  signal(SIGKILL);
  return wait();
}

std::string ServiceProcess::log() const {
  std::ostringstream text;
  text << std::ifstream(log_file_).seekg(log_begin_).rdbuf();
  return text.str();
}

void ServiceProcess::fail(const std::string& what) const {
  constexpr std::size_t kShown = 4000;
  const std::string text = log();
  throw std::runtime_error(binary_ + " " + what + "; the end of its log:\n" +
                           text.substr(text.size() - std::min(text.size(), kShown)));
}

}  // namespace tests
