// Three invoice-apps and three payment-providers on two database files, as three replicas on one
// volume are, with a proxy in between; every process can be killed, stopped for a while and
// restarted, and their clock can be set.

#ifndef TESTS_CRASH_CLUSTER_H_
#define TESTS_CRASH_CLUSTER_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/crash/chaos_proxy.h"
#include "tests/support/service_process.h"

namespace tests {

// Where a process is to die (common/fault_point.h).
struct Death {
  std::string_view point;
  int hit;
};

// The URLs and the database may be asked for by any thread; the rest is for one thread.
class Cluster {
 public:
  static constexpr std::size_t kReplicas = 3;
  static constexpr std::size_t kProcesses = 2 * kReplicas;  // invoice-apps first

  // `binaries`: the directory of invoice-app and payment-provider; `data`: of databases and logs.
  // Starts everything and waits until it is ready.
  Cluster(std::filesystem::path binaries, std::filesystem::path data, std::uint64_t seed);

  std::string invoice_app_url(std::size_t replica) const { return url(replica); }
  std::string provider_url(std::size_t replica) const { return url(kReplicas + replica); }
  std::filesystem::path database(const std::string& name) const;  // "invoices" or "payments"

  // Starts a process that has ended, on the port that it had before.
  void start(std::size_t process, std::optional<Death> death = std::nullopt);
  void await_ready(std::size_t process);
  void kill(std::size_t process);
  void pause(std::size_t process);
  void resume(std::size_t process);
  bool is_running(std::size_t process);

  // Kills everything and starts it again, with a proxy that passes everything, and waits until it
  // is ready.
  void heal();
  // Leases are given and run out by this time.
  void step_clock(std::int64_t ms);

  std::int64_t harmed_by_proxy() const { return proxy_->harmed(); }

 private:
  std::string url(std::size_t process) const {
    return "http://127.0.0.1:" + std::to_string(ports_[process]);
  }
  static std::string name(std::size_t process);
  Environment environment(std::size_t process) const;

  const std::filesystem::path binaries_;
  const std::filesystem::path data_;
  std::int64_t clock_offset_ms_ = 0;
  std::vector<int> ports_;
  std::unique_ptr<ChaosProxy> proxy_;
  std::vector<std::unique_ptr<ServiceProcess>> processes_;
};

}  // namespace tests

#endif  // TESTS_CRASH_CLUSTER_H_
