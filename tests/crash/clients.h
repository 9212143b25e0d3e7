// The clients of a trial: they add, pay and list at every replica, remember what they were told,
// and notice when anything contradicts it.

#ifndef TESTS_CRASH_CLIENTS_H_
#define TESTS_CRASH_CLIENTS_H_

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/http/client.h"
#include "tests/crash/cluster.h"

namespace tests {

// What answers have said. Thread-safe.
class Knowledge {
 public:
  struct Snapshot {
    std::map<std::string, nlohmann::json> accepted;  // invoices by id, as sent
    std::set<std::string> paid;
    std::map<std::string, nlohmann::json> payments;  // by the invoice's id, as listed
  };

  Knowledge();  // knows the invoices that a new database has

  Snapshot snapshot() const;
  void accepted(const nlohmann::json& invoices);
  void paid(const std::set<std::string>& ids);
  void payments(const std::map<std::string, nlohmann::json>& listed);
  std::set<std::string> attempted() const;
  void attempt(const nlohmann::json& invoices);

 private:
  mutable std::mutex mutex_;
  Snapshot known_;                   // guarded by mutex_
  std::set<std::string> attempted_;  // guarded by mutex_
};

// Throws Violation unless the list has everything that was known before it was asked for. Returns
// the ids of what it lists as paid.
std::set<std::string> check_list(const nlohmann::json& list, const Knowledge::Snapshot& before);

// The same for the ledger: one payment at most for an invoice, as it was listed before, and one for
// each that was known to be paid. Returns the payments by the invoice's id.
std::map<std::string, nlohmann::json> check_ledger_list(const nlohmann::json& ledger,
                                                        const Knowledge::Snapshot& before);

// Whether the provider refuses this invoice, by the rules of Cluster's providers.
bool is_refusable(const nlohmann::json& invoice);

class Clients {
 public:
  // They run from here on.
  Clients(const Cluster& cluster, std::uint64_t seed);
  ~Clients();

  // They make no further calls; those under way go on.
  void begin_stop() { stop_ = true; }
  // Waits for their calls to end; throws what the first of them threw.
  void stop();

  Knowledge& knowledge() { return knowledge_; }
  std::int64_t calls() const { return calls_; }
  std::int64_t lists() const { return lists_; }

 private:
  using Random = std::mt19937_64;

  // Makes calls until the stop. What the n-th asks for is decided by `seed` and n.
  void run(const std::function<void(Random&)>& step, std::uint64_t seed);
  void add(Random& random);
  void pay(Random& random);
  void list(Random& random);
  void list_ledger(Random& random);
  common::HttpClient invoice_app(Random& random) const;  // any, in one of the ways to it

  const Cluster& cluster_;
  const std::uint64_t seed_;
  Knowledge knowledge_;
  std::atomic<bool> stop_ = false;
  std::atomic<std::int64_t> calls_ = 0;
  std::atomic<std::int64_t> lists_ = 0;
  std::uint64_t next_batch_ = 0;  // the adder's
  std::mutex mutex_;
  std::exception_ptr failure_;  // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace tests

#endif  // TESTS_CRASH_CLIENTS_H_
