#include "tests/crash/trial.h"

#include <array>
#include <chrono>
#include <set>
#include <thread>
#include <variant>
#include <vector>

#include "tests/crash/clients.h"
#include "tests/crash/invariants.h"
#include "tests/crash/trial_database.h"
#include "tests/support/api.h"
#include "tests/support/eventually.h"

namespace tests {
namespace {

// Executes a plan.
class Chaos {
 public:
  Chaos(Replicas& replicas, PostgresCluster* cluster, const Plan& plan)
      : replicas_(replicas),
        cluster_(cluster),
        plan_(plan),
        accepts_batches_(plan.batches != Batches::kNotAccepted) {}

  // Starts all processes. The one with a planned death starts first and alone, so that it creates
  // and fills the database.
  void start_all() {
    replicas_.accept_batches(accepts_batches_);
    if (const auto& planned = plan_.planned_death) {
      replicas_.start(planned->process, planned->death);
      const bool got_ready = replicas_.gets_ready(planned->process);
      if (!got_ready || planned->point.when == FaultPoint::When::kAtStart) die_twice();
    }
    replicas_.start_the_ended();
  }

  void await_planned_death(const Clients& clients) {
    const auto& planned = plan_.planned_death;
    if (!planned || deaths_ > 0) return;
    if (planned->point.when == FaultPoint::When::kAtStop) {
      constexpr std::int64_t kSomeCalls = 20;
      eventually([&] { return clients.calls() > kSomeCalls; });
      replicas_.stop(planned->process);
    }
    die_twice();
    replicas_.start(planned->process);
  }

  void run() {
    for (const Misfortune& misfortune : plan_.misfortunes) {
      std::this_thread::sleep_for(misfortune.after);  // part of the plan
      restart_the_dead();
      happen(misfortune);
    }
    count_the_dead();
  }

  std::int64_t deaths() const { return deaths_; }
  std::int64_t failovers() const { return failovers_; }
  const Interruptions& interruptions() const { return interruptions_; }

 private:
  // The second death is during the recovery from the first.
  void die_twice() {
    const auto& planned = *plan_.planned_death;
    await_death(planned.death);
    replicas_.start(planned.process, planned.again);
    replicas_.gets_ready(planned.process);  // some points are reached when it is ready
    await_death(planned.again);
  }

  void await_death(const Death& death) {
    const std::size_t process = plan_.planned_death->process;
    const bool has_ended = eventually([&] { return !replicas_.is_running(process); });
    if (!has_ended || !replicas_.was_killed(process)) {
      throw std::runtime_error(Replicas::name(process) + " had to die at \"" +
                               std::string(death.point) + "\", and didn't");
    }
    ++deaths_;
  }

  void restart_the_dead() {
    for (std::size_t process = 0; process < Replicas::kProcesses; ++process) {
      if (replicas_.is_running(process)) continue;
      ++deaths_;
      replicas_.start(process, plan_.death_of_restart(process, ++restarts_[process]));
      paused_.erase(process);
    }
  }

  void count_the_dead() {
    for (std::size_t process = 0; process < Replicas::kProcesses; ++process) {
      if (!replicas_.is_running(process)) ++deaths_;
    }
  }

  void happen(const Misfortune& misfortune) {
    using Kind = Misfortune::Kind;
    switch (misfortune.kind) {
      case Kind::kNone:
        break;
      case Kind::kKill:
        replicas_.kill(misfortune.process);
        break;
      case Kind::kStop:
        replicas_.stop(misfortune.process);
        break;
      case Kind::kPause:
        replicas_.pause(misfortune.process);
        paused_.insert(misfortune.process);
        break;
      case Kind::kResume:
        replicas_.resume(misfortune.process);
        paused_.erase(misfortune.process);
        break;
      case Kind::kStepClock:
        replicas_.step_clock(misfortune.step_ms);
        break;
      case Kind::kSwitchBatches:
        accepts_batches_ = !accepts_batches_;
        replicas_.accept_batches(accepts_batches_);
        break;
      case Kind::kEndSession:
      case Kind::kKillSession:
      case Kind::kKillPrimary:
      case Kind::kPromote:
        happen_to_database(misfortune.kind);
        break;
    }
  }

  void happen_to_database(Misfortune::Kind kind) {
    using Kind = Misfortune::Kind;
    replicas_.set_database_usable(false);
    if (kind == Kind::kEndSession) cluster_->end_session();
    if (kind == Kind::kKillSession) cluster_->kill_session();
    if (kind == Kind::kKillPrimary) cluster_->kill_primary();
    if (kind == Kind::kPromote) cluster_->promote();
    replicas_.set_database_usable(kind != Kind::kKillPrimary);
    if (kind == Kind::kPromote) end_failover();
  }

  // The old primary returns while the clients continue.
  void end_failover() {
    const auto since = std::chrono::steady_clock::now();
    std::vector<std::size_t> processes;
    for (std::size_t process = 0; process < Replicas::kProcesses; ++process) {
      if (replicas_.is_running(process) && !paused_.contains(process)) processes.push_back(process);
    }
    interruptions_.add(measure_interruptions(replicas_, processes, since));
    ++failovers_;
    cluster_->rejoin();
  }

  Replicas& replicas_;
  PostgresCluster* const cluster_;
  const Plan& plan_;
  bool accepts_batches_;
  std::array<std::uint64_t, Replicas::kProcesses> restarts_{};
  std::set<std::size_t> paused_;
  std::int64_t deaths_ = 0;
  std::int64_t failovers_ = 0;
  Interruptions interruptions_;
};

void await_confirmation(Clients& clients, std::size_t known) {
  if (!eventually([&] { return clients.knowledge().snapshot().accepted.size() > known; })) {
    throw std::runtime_error("nothing was accepted while the standbys lagged");
  }
}

bool all_has_ended(const std::string& invoice_app_url) {
  const auto result = patient_client(invoice_app_url).post("/invoices/pay", {}, "", "");
  const auto* reply = std::get_if<common::HttpReply>(&result);
  return reply != nullptr && (reply->status == 200 || reply->status == 502);
}

void settle_everything(Replicas& replicas) {
  replicas.step_clock(11'000);  // the leases of killed processes expire
  for (std::size_t replica = 0; replica < Replicas::kPerService; ++replica) {
    if (!eventually([&] { return all_has_ended(replicas.invoice_app_url(replica)); },
                    kSettleTimeout)) {
      throw Violation("two minutes after healing, not everything is paid or refused");
    }
  }
}

}  // namespace

TrialReport run_trial(const Plan& plan, const std::filesystem::path& binaries,
                      const std::filesystem::path& data, PostgresCluster* cluster) {
  const auto kind = cluster == nullptr ? Database::kSqlite : Database::kPostgres;
  const auto database =
      cluster == nullptr ? make_sqlite_database(data) : make_postgres_database(*cluster);
  Replicas replicas(binaries, data, *database, plan.seed, plan.load.batch_size);
  Chaos chaos(replicas, cluster, plan);
  chaos.start_all();
  if (plan.standbys_lag) cluster->hold_replication();
  Clients clients(replicas, kind, plan.seed, plan.load.most_invoices);
  chaos.await_planned_death(clients);
  if (plan.standbys_lag) await_confirmation(clients, Knowledge().snapshot().accepted.size());
  chaos.run();
  clients.begin_stop();
  const std::int64_t harmed = replicas.heal();
  clients.stop();
  settle_everything(replicas);
  const FinalCounts counts = check_invariants(replicas, *database, clients.knowledge());
  return {.invoices = counts.invoices,
          .paid = counts.paid,
          .refused = counts.refused,
          .calls = clients.calls(),
          .lists = clients.lists(),
          .deaths = chaos.deaths(),
          .harmed = harmed,
          .batches = replicas.batches(),
          .failovers = chaos.failovers(),
          .interruptions = chaos.interruptions()};
}

}  // namespace tests
