// One of the services as a process of its own, as users run it: started on free ports, looked at
// through its sockets and its log, stopped or killed.
//
// Not thread-safe. Everything here throws std::runtime_error, with the end of the log in it, when
// the process doesn't do what is asked within a deadline.

#ifndef TESTS_SUPPORT_SERVICE_PROCESS_H_
#define TESTS_SUPPORT_SERVICE_PROCESS_H_

#include <sys/types.h>

#include <filesystem>
#include <ios>
#include <map>
#include <optional>
#include <string>

namespace tests {

// A directory that is gone, with what is in it, when this is.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

using Environment = std::map<std::string, std::string>;

class ServiceProcess {
 public:
  // Starts the binary with this environment and nothing else in it; PORT, ADMIN_PORT and LOG_FORMAT
  // are set unless given. Its log is appended to `log_file`.
  ServiceProcess(const std::string& binary, Environment environment,
                 std::filesystem::path log_file);
  ~ServiceProcess();  // kills
  ServiceProcess(const ServiceProcess&) = delete;
  ServiceProcess& operator=(const ServiceProcess&) = delete;

  void await_listening();
  // Waits until it listens and says that it is ready.
  void await_ready();

  int port() const { return port_; }              // after await_listening()
  int admin_port() const { return admin_port_; }  // after await_listening()
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::string admin_url() const { return "http://127.0.0.1:" + std::to_string(admin_port_); }
  pid_t pid() const { return pid_; }

  void signal(int number) const;
  // How it ended, as wait() says it; nothing while it runs.
  std::optional<int> poll_end();
  // Waits for the end, and returns the exit status, or -N when signal N ended it.
  int wait();
  int stop();  // SIGTERM, then wait()
  int kill();  // SIGKILL, then wait()

  // What it wrote to standard output and standard error so far.
  std::string log() const;

 private:
  int logged_port(const std::string& listener) const;  // 0: none yet
  [[noreturn]] void fail(const std::string& what) const;

  const std::string binary_;
  const std::filesystem::path log_file_;
  const std::streamoff log_begin_;
  pid_t pid_ = -1;
  std::optional<int> end_;
  int port_ = 0;
  int admin_port_ = 0;
};

}  // namespace tests

#endif  // TESTS_SUPPORT_SERVICE_PROCESS_H_
