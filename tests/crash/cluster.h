// Three invoice-apps and three payment-providers on two database files, as three replicas on one
// volume are, with a proxy in between and another before them; every process can be killed,
// stopped, paused and restarted, and their clock can be set.

#ifndef TESTS_CRASH_CLUSTER_H_
#define TESTS_CRASH_CLUSTER_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/tcp.h"
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
  // Nothing is started yet.
  Cluster(std::filesystem::path binaries, std::filesystem::path data, std::uint64_t seed);

  static std::string name(std::size_t process);
  std::string invoice_app_url(std::size_t replica) const { return url(replica); }
  std::string harmed_invoice_app_url() const { return front_proxy_->url(); }  // of any replica
  std::string provider_url(std::size_t replica) const { return url(kReplicas + replica); }
  std::filesystem::path database(const std::string& name) const;  // "invoices" or "payments"

  // Starts a process that doesn't run, always on the same port.
  void start(std::size_t process, std::optional<Death> death = std::nullopt);
  // Starts all that don't run, and waits until they are ready.
  void start_the_ended();
  // Waits until a process is ready; false when it dies before.
  bool gets_ready(std::size_t process);
  void kill(std::size_t process);
  void stop(std::size_t process);  // SIGTERM; doesn't wait
  void pause(std::size_t process);
  void resume(std::size_t process);
  // Throws when the process has ended by itself.
  bool is_running(std::size_t process);
  // Of one that has ended: not by exiting as stop() asked.
  bool was_killed(std::size_t process);

  // Kills everything and starts it again, with proxies that pass everything, and waits until it is
  // ready. Returns how many pieces of traffic the proxies have harmed.
  std::int64_t heal();
  // Leases are given and run out by this time.
  void step_clock(std::int64_t ms);

 private:
  std::string url(std::size_t process) const {
    return "http://127.0.0.1:" + std::to_string(ports_[process]);
  }
  Environment environment(std::size_t process) const;

  const std::filesystem::path binaries_;
  const std::filesystem::path data_;
  std::int64_t clock_offset_ms_ = 0;
  int pay_wait_seconds_ = 1;
  std::vector<common::FileDescriptor> reservations_;  // of ports_
  std::vector<int> ports_;
  std::unique_ptr<ChaosProxy> proxy_;        // between the services
  std::unique_ptr<ChaosProxy> front_proxy_;  // between clients and invoice-apps
  std::vector<std::unique_ptr<ServiceProcess>> processes_;
  std::vector<bool> asked_to_stop_;
};

}  // namespace tests

#endif  // TESTS_CRASH_CLUSTER_H_
