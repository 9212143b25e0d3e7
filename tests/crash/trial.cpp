#include "tests/crash/trial.h"

#include <optional>
#include <random>
#include <thread>

#include "common/fault_point.h"
#include "tests/crash/clients.h"
#include "tests/crash/invariants.h"
#include "tests/support/api.h"
#include "tests/support/eventually.h"

namespace tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

using Random = std::mt19937_64;

std::optional<Death> random_death(Random& random) {
  if (random() % 2 == 0) return std::nullopt;
  return Death{common::kFaultPoints[random() % common::kFaultPoints.size()],
               static_cast<int>(1 + random() % 20)};
}

// What goes wrong, one thing after the other.
class Chaos {
 public:
  Chaos(Cluster& cluster, std::uint64_t seed) : cluster_(cluster), random_(seed) {}

  void run_for(milliseconds time) {
    const auto end = steady_clock::now() + time;
    while (steady_clock::now() < end) {
      std::this_thread::sleep_for(milliseconds(random_() % 40));  // part of the disorder
      restart_the_dead();
      misfortune();
    }
  }

  std::int64_t deaths() const { return deaths_; }

 private:
  void restart_the_dead() {
    for (std::size_t process = 0; process < Cluster::kProcesses; ++process) {
      if (cluster_.is_running(process)) continue;
      ++deaths_;
      cluster_.start(process, random_death(random_));
    }
  }

  void misfortune() {
    const std::size_t process = random_() % Cluster::kProcesses;
    switch (random_() % 8) {
      case 0:
      case 1:
      case 2:
        cluster_.kill(process);
        break;
      case 3:
      case 4:
        cluster_.pause(process);
        std::this_thread::sleep_for(milliseconds(random_() % 120));
        cluster_.resume(process);
        break;
      case 5:  // past the end of every lease
        cluster_.step_clock(11'000);
        break;
      case 6:
        cluster_.step_clock(static_cast<std::int64_t>(random_() % 40'000) - 20'000);
        break;
      default:  // a quiet moment
        break;
    }
  }

  Cluster& cluster_;
  Random random_;
  std::int64_t deaths_ = 0;
};

// Waits for the planned deaths to have come, as far as they do.
void await_deaths(Cluster& cluster, const std::vector<PlannedDeath>& planned) {
  constexpr std::chrono::seconds kPatience(3);
  eventually(
      [&] {
        bool all = true;
        for (const PlannedDeath& one : planned) all = all && !cluster.is_running(one.process);
        return all;
      },
      kPatience);
}

bool all_has_ended(const std::string& invoice_app_url) {
  const auto result = patient_client(invoice_app_url).post("/invoices/pay", {}, "", "");
  const auto* reply = std::get_if<common::HttpReply>(&result);
  return reply != nullptr && (reply->status == 200 || reply->status == 502);
}

// In a cluster that is well again, one call to any replica ends everything.
void settle_everything(Cluster& cluster) {
  cluster.step_clock(11'000);  // what the killed held, nobody holds any more
  for (std::size_t replica = 0; replica < Cluster::kReplicas; ++replica) {
    if (!eventually([&] { return all_has_ended(cluster.invoice_app_url(replica)); })) {
      throw Violation("not everything is paid or refused 20 s after everything is well again");
    }
  }
}

}  // namespace

TrialReport run_trial(const TrialOptions& options) {
  Cluster cluster(options.binaries, options.data, options.seed);
  for (const PlannedDeath& planned : options.deaths) {
    cluster.kill(planned.process);
    cluster.start(planned.process, planned.death);
  }
  Clients clients(cluster, options.seed);
  Chaos chaos(cluster, options.seed);
  if (!options.deaths.empty()) await_deaths(cluster, options.deaths);
  chaos.run_for(options.chaos);
  const std::int64_t harmed = cluster.harmed_by_proxy();
  clients.begin_stop();
  cluster.heal();
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
