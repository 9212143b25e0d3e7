// Runs a program as a child process, with its output in a log file.
//
// Not thread-safe. All functions have a deadline. When the process misses it, they throw
// std::runtime_error with the end of the log in it.

#ifndef TESTS_SUPPORT_CHILD_PROCESS_H_
#define TESTS_SUPPORT_CHILD_PROCESS_H_

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <ios>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tests {

using Variables = std::map<std::string, std::string>;  // of an environment

class ChildProcess {
 public:
  // Starts the command, a program found in PATH with its arguments, with these variables alone. Its
  // standard output and standard error are appended to `log_file`.
  ChildProcess(std::vector<std::string> command, const Variables& variables,
               std::filesystem::path log_file);
  ~ChildProcess();  // kills
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }

  // Waits until the condition is true. Throws when the process has ended. `what` is for messages:
  // what the process is expected to do.
  void await(const std::string& what, const std::function<bool()>& condition);

  void signal(int number) const;
  // The exit status, or -N when signal N ended it; nothing while it runs.
  std::optional<int> poll_end();
  // Waits for the end, and returns the same.
  int wait();
  int stop();  // SIGTERM, then wait()
  int kill();  // SIGKILL, then wait()

  // Its standard output and standard error so far.
  std::string log() const;
  // Throws with the end of the log.
  [[noreturn]] void fail(const std::string& what) const;

 private:
  const std::string program_;
  const std::filesystem::path log_file_;
  const std::streamoff log_begin_;
  const pid_t pid_;
  std::optional<int> end_;
};

}  // namespace tests

#endif  // TESTS_SUPPORT_CHILD_PROCESS_H_
