// Three replicas of each service: invoice-apps that share one database, payment-providers that
// share another. One proxy is between the services, another between clients and invoice-apps. Each
// process can be killed, stopped, paused and restarted, and their clock can be set.

#ifndef TESTS_CRASH_REPLICAS_H_
#define TESTS_CRASH_REPLICAS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/crash/chaos_proxy.h"
#include "tests/crash/trial_database.h"
#include "tests/support/reserved_port.h"
#include "tests/support/service_process.h"

namespace tests {

// Where a process has to die (common/base/fault_point.h).
struct Death {
  std::string_view point;
  int hit;  // dies the n-th time that it reaches the point; from 1
};

// The const functions are thread-safe. The others are for one thread.
class Replicas {
 public:
  static constexpr std::size_t kPerService = 3;
  static constexpr std::size_t kProcesses = 2 * kPerService;  // invoice-apps first

  // `binaries`: the directory of invoice-app and payment-provider; `data`: of their logs.
  // `batch_size`: the most payments that invoice-app sends in a call. Starts no process.
  Replicas(std::filesystem::path binaries, std::filesystem::path data,
           const TrialDatabase& database, std::uint64_t seed, std::size_t batch_size);

  static std::string name(std::size_t process);
  std::string invoice_app_url(std::size_t replica) const { return url(replica); }
  std::string proxied_invoice_app_url() const { return front_proxy_->url(); }  // any replica
  std::string provider_url(std::size_t replica) const { return url(kPerService + replica); }

  // Starts a process that doesn't run. A process has the same port each time.
  void start(std::size_t process, std::optional<Death> death = std::nullopt);
  // Starts all processes that don't run, and waits until all are ready.
  void start_the_ended();
  // Waits until a process is ready; false when it dies first.
  bool gets_ready(std::size_t process);
  void kill(std::size_t process);
  void stop(std::size_t process);  // SIGTERM; doesn't wait
  void pause(std::size_t process);
  void resume(std::size_t process);
  // While a database can't be used, a process that starts may end by itself. At first it can.
  void set_database_usable(bool usable);
  // Throws when the process has ended by itself.
  bool is_running(std::size_t process);
  // Whether SIGKILL ended the process.
  bool was_killed(std::size_t process);

  // Whether the providers accept batches. At first they do.
  void accept_batches(bool accepts) { proxy_->accept_batches(accepts); }
  // How many batches the providers have answered.
  std::int64_t batches() const { return proxy_->batches(); }

  // Kills all processes and starts them again, with proxies that pass everything on, and waits
  // until all are ready. Returns how many pieces of traffic the proxies have harmed.
  std::int64_t heal();
  // Steps the clock of the leases, for all processes.
  void step_clock(std::int64_t ms);

 private:
  std::string url(std::size_t process) const { return ports_[process].url(); }
  Variables variables(std::size_t process, std::optional<Death> death) const;

  const std::filesystem::path binaries_;
  const std::filesystem::path data_;
  const TrialDatabase& database_;
  const std::size_t batch_size_;
  bool database_is_usable_ = true;
  std::int64_t clock_offset_ms_ = 0;
  std::chrono::seconds pay_wait_{1};
  const std::vector<ReservedPort> ports_;
  std::unique_ptr<ChaosProxy> proxy_;        // between the services
  std::unique_ptr<ChaosProxy> front_proxy_;  // between clients and invoice-apps
  std::vector<std::unique_ptr<ServiceProcess>> processes_;
  std::vector<bool> asked_to_stop_;
  std::vector<bool> may_fail_to_start_;
};

}  // namespace tests

#endif  // TESTS_CRASH_REPLICAS_H_
