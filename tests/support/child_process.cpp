#include "tests/support/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

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

pid_t spawn(std::vector<std::string>& command, const Variables& variables,
            const std::filesystem::path& log_file) {
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
  const int error = posix_spawnp(&pid, command.front().c_str(), &actions, nullptr,
                                 pointers(command).data(), pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::system_error(error, std::generic_category(), command.front());
  return pid;
}

std::streamoff size_of(const std::filesystem::path& file) {
  std::error_code missing;
  const auto size = std::filesystem::file_size(file, missing);
  return missing ? 0 : static_cast<std::streamoff>(size);
}

}  // namespace

ChildProcess::ChildProcess(std::vector<std::string> command, const Variables& variables,
                           std::filesystem::path log_file)
    : program_(command.front()),
      log_file_(std::move(log_file)),
      log_begin_(size_of(log_file_)),
      pid_(spawn(command, variables, log_file_)) {}

ChildProcess::~ChildProcess() {
  if (end_) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void ChildProcess::await(const std::string& what, const std::function<bool()>& condition) {
  const bool is_true = eventually([&] {
    if (poll_end()) fail("ended; it was expected to " + what);
    return condition();
  });
  if (!is_true) fail("doesn't " + what);
}

void ChildProcess::signal(int number) const { ::kill(pid_, number); }

std::optional<int> ChildProcess::poll_end() {
  int status = 0;
  if (!end_ && ::waitpid(pid_, &status, WNOHANG) == pid_) {
    end_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  return end_;
}

int ChildProcess::wait() {
  if (!eventually([this] { return poll_end().has_value(); })) fail("doesn't end");
  return *end_;
}

int ChildProcess::stop() {
  signal(SIGTERM);
  return wait();
}

int ChildProcess::kill() {
  signal(SIGKILL);
  return wait();
}

std::string ChildProcess::log() const {
  std::ostringstream text;
  text << std::ifstream(log_file_).seekg(log_begin_).rdbuf();
  return text.str();
}

void ChildProcess::fail(const std::string& what) const {
  constexpr std::size_t kShown = 4000;
  const std::string text = log();
  throw std::runtime_error(program_ + " " + what + "; the end of its log:\n" +
                           text.substr(text.size() - std::min(text.size(), kShown)));
}

}  // namespace tests
