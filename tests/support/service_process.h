// Runs a service as a process, on free ports unless the test chooses them.
//
// Not thread-safe. All functions have a deadline. When the process misses it, they throw
// std::runtime_error with the end of the log in it.

#ifndef TESTS_SUPPORT_SERVICE_PROCESS_H_
#define TESTS_SUPPORT_SERVICE_PROCESS_H_

#include <sys/types.h>

#include <filesystem>
#include <ios>
#include <map>
#include <optional>
#include <string>

#include "tests/support/temporary_directory.h"

namespace tests {

using Variables = std::map<std::string, std::string>;  // of an environment

// The content of a service's PORT_FILE.
struct Ports {
  int port = 0;
  int admin_port = 0;
};
// Nothing as long as there is no such file.
std::optional<Ports> read_port_file(const std::filesystem::path& path);

class ServiceProcess {
 public:
  // Starts the binary with these variables alone, and with PORT and ADMIN_PORT 0 unless given. Its
  // log is appended to `log_file`.
  ServiceProcess(const std::string& binary, Variables variables, std::filesystem::path log_file);
  ~ServiceProcess();  // kills
  ServiceProcess(const ServiceProcess&) = delete;
  ServiceProcess& operator=(const ServiceProcess&) = delete;

  // Waits until both ports are open. They are known from then on.
  void await_listening();
  // Waits until both ports are open and the service is ready.
  void await_ready();

  int port() const { return ports_.port; }
  int admin_port() const { return ports_.admin_port; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(ports_.port); }
  std::string admin_url() const { return "http://127.0.0.1:" + std::to_string(ports_.admin_port); }
  pid_t pid() const { return pid_; }

  // A number of /proc/PID/status: "VmRSS" is resident memory in kB, "VmHWM" its peak.
  long status(const std::string& name) const;

  void signal(int number) const;
  // The exit status, or -N when signal N ended it; nothing while it runs.
  std::optional<int> poll_end();
  // Waits for the end, and returns the same.
  int wait();
  int stop();  // SIGTERM, then wait()
  int kill();  // SIGKILL, then wait()

  // Its standard output and standard error so far.
  std::string log() const;

 private:
  [[noreturn]] void fail(const std::string& what) const;

  const std::string binary_;
  const TemporaryDirectory directory_;  // of the port file
  const std::filesystem::path log_file_;
  const std::streamoff log_begin_;
  pid_t pid_ = -1;
  std::optional<int> end_;
  Ports ports_;
};

}  // namespace tests

#endif  // TESTS_SUPPORT_SERVICE_PROCESS_H_
