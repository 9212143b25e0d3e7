#include "tests/crash/trial.h"

#include <array>
#include <chrono>
#include <thread>
#include <variant>

#include "tests/crash/clients.h"
#include "tests/crash/invariants.h"
#include "tests/support/api.h"
#include "tests/support/eventually.h"

namespace tests {
namespace {

// Carries a plan out.
class Chaos {
 public:
  Chaos(Cluster& cluster, const Plan& plan) : cluster_(cluster), plan_(plan) {}

  // Starts everything. Whoever is to die comes first, alone on a fresh database, so that it is the
  // one that creates and fills it.
  void start_all() {
    if (const auto& planned = plan_.planned_death) {
      cluster_.start(planned->process, planned->death);
      const bool got_ready = cluster_.gets_ready(planned->process);
      if (!got_ready || planned->point.when == common::FaultPoint::When::kAtStart) die_twice();
    }
    cluster_.start_the_ended();
  }

  void await_planned_death(const Clients& clients) {
    const auto& planned = plan_.planned_death;
    if (!planned || deaths_ > 0) return;
    if (planned->point.when == common::FaultPoint::When::kAtStop) {
      constexpr std::int64_t kUnderWay = 20;
      eventually([&] { return clients.calls() > kUnderWay; });
      cluster_.stop(planned->process);
    }
    die_twice();
    cluster_.start(planned->process);
  }

  void run() {
    for (const Misfortune& misfortune : plan_.misfortunes) {
      std::this_thread::sleep_for(misfortune.after);  // part of the disorder
      restart_the_dead();
      happen(misfortune);
    }
    count_the_dead();
  }

  std::int64_t deaths() const { return deaths_; }

 private:
  // The second time while it recovers from the first.
  void die_twice() {
    const auto& planned = *plan_.planned_death;
    await_death(planned.death);
    cluster_.start(planned.process, planned.again);
    cluster_.gets_ready(planned.process);  // only at the very last point
    await_death(planned.again);
  }

  void await_death(const Death& death) {
    const std::size_t process = plan_.planned_death->process;
    const bool has_ended = eventually([&] { return !cluster_.is_running(process); });
    if (!has_ended || !cluster_.was_killed(process)) {
      throw std::runtime_error(Cluster::name(process) + " was to die at \"" +
                               std::string(death.point) + "\", and didn't");
    }
    ++deaths_;
  }

  void restart_the_dead() {
    for (std::size_t process = 0; process < Cluster::kProcesses; ++process) {
      if (cluster_.is_running(process)) continue;
      ++deaths_;
      cluster_.start(process, plan_.death_of_restart(process, ++restarts_[process]));
    }
  }

  void count_the_dead() {
    for (std::size_t process = 0; process < Cluster::kProcesses; ++process) {
      if (!cluster_.is_running(process)) ++deaths_;
    }
  }

  void happen(const Misfortune& misfortune) {
    using Kind = Misfortune::Kind;
    switch (misfortune.kind) {
      case Kind::kNone:
        break;
      case Kind::kKill:
        cluster_.kill(misfortune.process);
        break;
      case Kind::kStop:
        cluster_.stop(misfortune.process);
        break;
      case Kind::kPause:
        cluster_.pause(misfortune.process);
        break;
      case Kind::kResume:
        cluster_.resume(misfortune.process);
        break;
      case Kind::kStepClock:
        cluster_.step_clock(misfortune.step_ms);
        break;
    }
  }

  Cluster& cluster_;
  const Plan& plan_;
  std::array<std::uint64_t, Cluster::kProcesses> restarts_{};
  std::int64_t deaths_ = 0;
};

bool all_has_ended(const std::string& invoice_app_url) {
  const auto result = patient_client(invoice_app_url).post("/invoices/pay", {}, "", "");
  const auto* reply = std::get_if<common::HttpReply>(&result);
  return reply != nullptr && (reply->status == 200 || reply->status == 502);
}

// In a cluster that is well again, calls to any replica end everything.
void settle_everything(Cluster& cluster) {
  constexpr std::chrono::seconds kPatience(120);  // it takes one, on a machine that has time
  cluster.step_clock(11'000);                     // what the killed held, nobody holds any more
  for (std::size_t replica = 0; replica < Cluster::kReplicas; ++replica) {
    if (!eventually([&] { return all_has_ended(cluster.invoice_app_url(replica)); }, kPatience)) {
      throw Violation(
          "not everything is paid or refused two minutes after everything is well again");
    }
  }
}

}  // namespace

TrialReport run_trial(const Plan& plan, const std::filesystem::path& binaries,
                      const std::filesystem::path& data) {
  Cluster cluster(binaries, data, plan.seed);
  Chaos chaos(cluster, plan);
  chaos.start_all();
  Clients clients(cluster, plan.seed);
  chaos.await_planned_death(clients);
  chaos.run();
  clients.begin_stop();
  const std::int64_t harmed = cluster.heal();
  clients.stop();
  settle_everything(cluster);
  const FinalCounts counts = check_invariants(cluster, clients.knowledge());
  return {.invoices = counts.invoices,
          .paid = counts.paid,
          .refused = counts.refused,
          .calls = clients.calls(),
          .lists = clients.lists(),
          .deaths = chaos.deaths(),
          .harmed = harmed};
}

}  // namespace tests
