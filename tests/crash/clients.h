// The clients of a trial. They add, pay and list at every replica, remember the answers, and check
// that later answers don't contradict them.

#ifndef TESTS_CRASH_CLIENTS_H_
#define TESTS_CRASH_CLIENTS_H_

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/http/client.h"
#include "tests/crash/plan.h"
#include "tests/crash/replicas.h"

namespace tests {

// The facts from all answers so far. Thread-safe.
class Knowledge {
 public:
  struct Snapshot {
    std::map<std::string, nlohmann::json> accepted;  // invoices by id, as sent
    std::set<std::string> paid;
    std::map<std::string, nlohmann::json> payments;  // by the invoice's id, as listed
  };

  Knowledge();  // with the invoices of a new database

  Snapshot snapshot() const;
  void accepted(const nlohmann::json& invoices);
  void paid(const std::set<std::string>& ids);
  void payments(const std::map<std::string, nlohmann::json>& listed);
  std::set<std::string> attempted() const;
  void attempt(const nlohmann::json& invoices);

 private:
  mutable common::Mutex mutex_;
  Snapshot known_ GUARDED_BY(mutex_);
  std::set<std::string> attempted_ GUARDED_BY(mutex_);
};

// Throws Violation unless the list has everything that was known before the request. Returns the
// ids of the invoices that it lists as paid.
std::set<std::string> check_list(const nlohmann::json& list, const Knowledge::Snapshot& before);

// The same for the ledger: at most one payment for an invoice, the same as in earlier lists, and
// one for each invoice that was known to be paid. Returns the payments by the invoice's id.
std::map<std::string, nlohmann::json> check_ledger_list(const nlohmann::json& ledger,
                                                        const Knowledge::Snapshot& before);

// Whether the providers of Replicas refuse this invoice.
bool is_refusable(const nlohmann::json& invoice);

class Clients {
 public:
  // Starts the clients. `most_invoices`: in a request that adds invoices. `database`: PostgreSQL
  // may be unavailable (503), also for a moment after a failover.
  Clients(const Replicas& replicas, Database database, std::uint64_t seed,
          std::uint64_t most_invoices);
  ~Clients();
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  // No client makes another call. Calls in flight go on.
  void begin_stop() { stop_ = true; }
  // Waits until all calls have ended. Throws the first exception of a client.
  void stop();

  Knowledge& knowledge() { return knowledge_; }
  std::int64_t calls() const { return calls_; }
  std::int64_t lists() const { return lists_; }

 private:
  using Random = std::mt19937_64;

  // Makes calls until the stop. `seed` and n decide about the n-th.
  void run(const std::function<void(Random&)>& step, std::uint64_t seed);
  void add(Random& random);
  void pay(Random& random);
  void list(Random& random);
  void list_ledger(Random& random);
  // Nothing when the call failed: a killed process doesn't answer.
  std::optional<common::HttpReply> reply_to(const common::HttpResult& result) const;
  common::HttpClient invoice_app(Random& random) const;  // any replica, directly or by the proxy

  const Replicas& replicas_;
  const Database database_;
  const std::uint64_t seed_;
  const std::uint64_t most_invoices_;
  Knowledge knowledge_;
  std::atomic<bool> stop_ = false;
  std::atomic<std::int64_t> calls_ = 0;
  std::atomic<std::int64_t> lists_ = 0;
  std::uint64_t next_group_ = 0;  // for the thread that adds
  common::Mutex mutex_;
  std::exception_ptr failure_ GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace tests

#endif  // TESTS_CRASH_CLIENTS_H_
