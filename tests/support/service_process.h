// Runs a service as a process, on free ports unless the test chooses them.
//
// Not thread-safe. All functions have a deadline. When the process misses it, they throw
// std::runtime_error with the end of the log in it.

#ifndef TESTS_SUPPORT_SERVICE_PROCESS_H_
#define TESTS_SUPPORT_SERVICE_PROCESS_H_

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "tests/support/child_process.h"
#include "tests/support/temporary_directory.h"

namespace tests {

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

  // Whether both ports are, or were, open.
  bool has_listened() const { return read_port_file(directory_ / "ports").has_value(); }
  // Waits until both ports are open. They are known from then on.
  void await_listening();
  // Waits until both ports are open and the service is ready.
  void await_ready();

  int port() const { return ports_.port; }
  int admin_port() const { return ports_.admin_port; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(ports_.port); }
  std::string admin_url() const { return "http://127.0.0.1:" + std::to_string(ports_.admin_port); }
  pid_t pid() const { return process_.pid(); }

  // A number of /proc/PID/status: "VmRSS" is resident memory in kB, "VmHWM" its peak.
  long status(const std::string& name) const;

  // As of ChildProcess.
  void signal(int number) const { process_.signal(number); }
  std::optional<int> poll_end() { return process_.poll_end(); }
  int wait() { return process_.wait(); }
  int stop() { return process_.stop(); }
  int kill() { return process_.kill(); }
  std::string log() const { return process_.log(); }

 private:
  const TemporaryDirectory directory_;  // of the port file
  ChildProcess process_;
  Ports ports_;
};

}  // namespace tests

#endif  // TESTS_SUPPORT_SERVICE_PROCESS_H_
