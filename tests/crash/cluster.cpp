#include "tests/crash/cluster.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace tests {
namespace {

// Each call asks again for all that was refused, so on a machine that has no time many short waits
// would never see all of it ended; one long wait does.
constexpr int kPayWaitWhenHealed = 60;

// Takes a port that is nobody's, and that nobody but who sets SO_REUSEADDR gets from then on: a
// process keeps its port when it is restarted, also while it doesn't run.
common::FileDescriptor reserve_port() {
  common::FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in any_port{};
  any_port.sin_family = AF_INET;
  const int on = 1;  // after bind(), which would share the port of another reservation
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&any_port), sizeof any_port) != 0 ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) {
    throw std::system_error(errno, std::generic_category(), "can't reserve a port");
  }
  return socket;
}

int port_of(const common::FileDescriptor& socket) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

}  // namespace

Cluster::Cluster(std::filesystem::path binaries, std::filesystem::path data, std::uint64_t seed)
    : binaries_(std::move(binaries)),
      data_(std::move(data)),
      processes_(kProcesses),
      asked_to_stop_(kProcesses) {
  for (std::size_t process = 0; process < kProcesses; ++process) {
    reservations_.push_back(reserve_port());
    ports_.push_back(port_of(reservations_.back()));
  }
  const auto first_provider = ports_.begin() + kReplicas;
  proxy_ = std::make_unique<ChaosProxy>(std::vector<int>(first_provider, ports_.end()), seed);
  front_proxy_ = std::make_unique<ChaosProxy>(std::vector<int>(ports_.begin(), first_provider),
                                              seed + 500'000);
  step_clock(0);
}

std::filesystem::path Cluster::database(const std::string& name) const {
  return data_ / (name + ".db");
}

std::string Cluster::name(std::size_t process) {
  return (process < kReplicas ? "invoice-app-" : "payment-provider-") +
         std::to_string(process % kReplicas);
}

Environment Cluster::environment(std::size_t process) const {
  Environment environment = {{"PORT", std::to_string(ports_[process])},
                             {"HTTP_THREADS", "32"},
                             {"FAULT_CLOCK_FILE", data_ / "clock"}};
  if (process < kReplicas) {
    environment["DATABASE_URL"] = "sqlite:" + database("invoices").string();
    environment["PAYMENT_PROVIDER_URL"] = proxy_->url();
    environment["PAY_CONCURRENCY"] = "8";
    environment["PAY_WAIT_SECONDS"] = std::to_string(pay_wait_seconds_);
  } else {
    environment["DATABASE_URL"] = "sqlite:" + database("payments").string();
    environment["ACCEPTED_CURRENCIES"] = "EUR,GBP,JPY,KWD";
  }
  return environment;
}

void Cluster::start(std::size_t process, std::optional<Death> death) {
  Environment variables = environment(process);
  if (death) {
    variables["FAULT_POINT"] = death->point;
    variables["FAULT_HIT"] = std::to_string(death->hit);
  }
  const char* binary = process < kReplicas ? "invoice-app" : "payment-provider";
  processes_[process] = std::make_unique<ServiceProcess>(binaries_ / binary, std::move(variables),
                                                         data_ / (name(process) + ".log"));
  asked_to_stop_[process] = false;
}

void Cluster::start_the_ended() {
  for (std::size_t process = 0; process < kProcesses; ++process) {
    if (!is_running(process)) start(process);
  }
  for (const auto& process : processes_) process->await_ready();
}

bool Cluster::gets_ready(std::size_t process) {
  try {
    processes_[process]->await_ready();
    return true;
  } catch (const std::runtime_error&) {
    if (is_running(process)) throw;
    return false;
  }
}

void Cluster::kill(std::size_t process) {
  if (is_running(process)) processes_[process]->kill();
}

void Cluster::stop(std::size_t process) {
  if (!is_running(process)) return;
  asked_to_stop_[process] = true;
  processes_[process]->signal(SIGTERM);
}

void Cluster::pause(std::size_t process) {
  if (is_running(process)) processes_[process]->signal(SIGSTOP);
}

void Cluster::resume(std::size_t process) {
  if (is_running(process)) processes_[process]->signal(SIGCONT);
}

bool Cluster::is_running(std::size_t process) {
  if (!processes_[process]) return false;
  const std::optional<int> end = processes_[process]->poll_end();
  // One that was asked to stop before it took notice of signals ends by the signal.
  const bool may_stop = asked_to_stop_[process];
  const bool is_expected =
      !end || *end == -SIGKILL || (may_stop && *end == 0) || (may_stop && *end == -SIGTERM);
  if (!is_expected) {
    throw std::runtime_error(name(process) + " ended by itself with " + std::to_string(*end));
  }
  return !end.has_value();
}

bool Cluster::was_killed(std::size_t process) {
  return processes_[process]->poll_end() == -SIGKILL;
}

std::int64_t Cluster::heal() {
  const std::int64_t harmed = proxy_->harmed() + front_proxy_->harmed();
  proxy_->calm_down();
  front_proxy_->calm_down();
  pay_wait_seconds_ = kPayWaitWhenHealed;
  for (std::size_t process = 0; process < kProcesses; ++process) kill(process);
  start_the_ended();
  return harmed;
}

void Cluster::step_clock(std::int64_t ms) {
  clock_offset_ms_ += ms;
  const std::filesystem::path file = data_ / "clock";
  const std::filesystem::path next = data_ / "clock.next";
  std::ofstream(next) << clock_offset_ms_;
  std::filesystem::rename(next, file);  // so that nobody reads half of it
}

}  // namespace tests
