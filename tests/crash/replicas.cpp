#include "tests/crash/replicas.h"

#include <csignal>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "tests/crash/fault_points.h"

namespace tests {
namespace {

// A call also waits for invoices that were refused and are tried again. On a busy machine, many
// short waits would never see all of them end; one long wait does.
constexpr std::chrono::seconds kPayWaitWhenHealed(60);

std::string known_fault_points() {
  std::string names;
  for (const FaultPoint& point : kFaultPoints) names.append(point.name).append("\n");
  return names;
}

}  // namespace

Replicas::Replicas(std::filesystem::path binaries, std::filesystem::path data,
                   const TrialDatabase& database, std::uint64_t seed, std::size_t batch_size)
    : binaries_(std::move(binaries)),
      data_(std::move(data)),
      database_(database),
      batch_size_(batch_size),
      ports_(kProcesses),
      processes_(kProcesses),
      asked_to_stop_(kProcesses),
      may_fail_to_start_(kProcesses) {
  std::vector<int> numbers;
  for (const ReservedPort& port : ports_) numbers.push_back(port.number());
  const auto first_provider = numbers.begin() + kPerService;
  proxy_ = std::make_unique<ChaosProxy>(std::vector<int>(first_provider, numbers.end()), seed);
  front_proxy_ = std::make_unique<ChaosProxy>(std::vector<int>(numbers.begin(), first_provider),
                                              seed + 500'000);
  step_clock(0);
}

std::string Replicas::name(std::size_t process) {
  return (process < kPerService ? "invoice-app-" : "payment-provider-") +
         std::to_string(process % kPerService);
}

Variables Replicas::variables(std::size_t process, std::optional<Death> death) const {
  Variables variables = {{"PORT", std::to_string(ports_[process].number())},
                         {"FAULT_POINTS", known_fault_points()},
                         {"FAULT_CLOCK_FILE", data_ / "clock"}};
  if (death) {
    variables["FAULT_POINT"] = death->point;
    variables["FAULT_HIT"] = std::to_string(death->hit);
  }
  if (process < kPerService) {
    variables["DATABASE_URL"] = database_.url("invoices");
    variables["PAYMENT_PROVIDER_URL"] = proxy_->url();
    variables["FAULT_BATCH_SIZE"] = std::to_string(batch_size_);
    variables["FAULT_BATCH_PAUSE_MS"] = "20";
    variables["PAY_WAIT_SECONDS"] = std::to_string(pay_wait_.count());
  } else {
    variables["DATABASE_URL"] = database_.url("payments");
    variables["ACCEPTED_CURRENCIES"] = "EUR,GBP,JPY,KWD";
  }
  return variables;
}

void Replicas::start(std::size_t process, std::optional<Death> death) {
  const char* binary = process < kPerService ? "invoice-app" : "payment-provider";
  processes_[process] = std::make_unique<ServiceProcess>(
      binaries_ / binary, variables(process, death), data_ / (name(process) + ".log"));
  asked_to_stop_[process] = false;
  may_fail_to_start_[process] = !database_is_usable_;
}

void Replicas::start_the_ended() {
  for (std::size_t process = 0; process < kProcesses; ++process) {
    if (!is_running(process)) start(process);
  }
  for (const auto& process : processes_) process->await_ready();
}

bool Replicas::gets_ready(std::size_t process) {
  try {
    processes_[process]->await_ready();
    return true;
  } catch (const std::runtime_error&) {
    if (is_running(process)) throw;
    return false;
  }
}

void Replicas::kill(std::size_t process) {
  if (is_running(process)) processes_[process]->kill();
}

void Replicas::stop(std::size_t process) {
  if (!is_running(process)) return;
  asked_to_stop_[process] = true;
  processes_[process]->signal(SIGTERM);
}

void Replicas::pause(std::size_t process) {
  if (is_running(process)) processes_[process]->signal(SIGSTOP);
}

void Replicas::resume(std::size_t process) {
  if (is_running(process)) processes_[process]->signal(SIGCONT);
}

void Replicas::set_database_usable(bool usable) {
  database_is_usable_ = usable;
  if (!usable) may_fail_to_start_.assign(kProcesses, true);
}

bool Replicas::is_running(std::size_t process) {
  if (!processes_[process]) return false;
  const std::optional<int> end = processes_[process]->poll_end();
  // A process that is asked to stop before it blocks the signal ends by it.
  const bool may_stop = asked_to_stop_[process];
  const bool may_fail = may_fail_to_start_[process] && !processes_[process]->has_listened();
  const bool is_expected = !end || *end == -SIGKILL || (may_stop && *end == 0) ||
                           (may_stop && *end == -SIGTERM) || (may_fail && *end == 1);
  if (!is_expected) {
    throw std::runtime_error(name(process) + " ended by itself with " + std::to_string(*end));
  }
  return !end.has_value();
}

bool Replicas::was_killed(std::size_t process) {
  return processes_[process]->poll_end() == -SIGKILL;
}

std::int64_t Replicas::heal() {
  const std::int64_t harmed = proxy_->harmed() + front_proxy_->harmed();
  proxy_->calm_down();
  front_proxy_->calm_down();
  pay_wait_ = kPayWaitWhenHealed;
  for (std::size_t process = 0; process < kProcesses; ++process) kill(process);
  start_the_ended();
  return harmed;
}

void Replicas::step_clock(std::int64_t ms) {
  clock_offset_ms_ += ms;
  const std::filesystem::path file = data_ / "clock";
  const std::filesystem::path next = data_ / "clock.next";
  std::ofstream(next) << clock_offset_ms_;
  std::filesystem::rename(next, file);  // a reader never sees a part of it
}

}  // namespace tests
