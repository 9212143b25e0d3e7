// Pairs of an invoice-app and a payment-provider that share two databases, on disk or in
// PostgreSQL.
//
// Not thread-safe. Functions throw std::exception when a call or a check fails.

#ifndef BENCH_PAIRS_H_
#define BENCH_PAIRS_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/http/client.h"
#include "tests/support/postgres_server.h"
#include "tests/support/service_process.h"

namespace bench {

using Seconds = std::chrono::duration<double>;

// The programs to run.
struct Programs {
  std::filesystem::path invoice_app;
  std::filesystem::path provider;
  std::filesystem::path provider_without_batch;  // invoice-app pays it one by one
  std::filesystem::path sync_counter;            // count_syncs.cpp
};

struct PairsOptions {
  int count = 1;
  bool has_batch = true;
  bool counts_syncs = false;
  tests::PostgresServer* server = nullptr;  // has the databases, instead of SQLite
};

// Of one database of SQLite, since its creation.
struct Writes {
  std::uint64_t commits;  // that changed something
  std::uint64_t syncs;    // 0 unless the pairs count them
};

class Pairs {
 public:
  Pairs(const Programs& programs, const PairsOptions& options);

  // Adds unpaid invoices.
  void add(int count);

  // Calls POST /invoices/pay of all pairs concurrently. Returns the time until all have responded.
  Seconds pay();

  // Throws unless all invoices are paid, and the ledger has exactly one payment for each, with the
  // same amount, and no other payments.
  void check_paid_once() const;

  Writes invoice_writes() const { return writes("invoices"); }
  Writes ledger_writes() const { return writes("payments"); }

  // The largest resident memory of an invoice-app and of a provider so far.
  long invoice_app_kilobytes() const { return invoice_apps_.front()->status("VmHWM"); }
  long provider_kilobytes() const { return providers_.front()->status("VmHWM"); }

 private:
  using Process = std::unique_ptr<tests::ServiceProcess>;

  Process start(const std::filesystem::path& program, const std::string& name,
                const std::string& url, tests::Variables variables);
  Writes writes(const std::string& name) const;
  // The files of the database "invoices" or "payments" of SQLite.
  std::string database(const std::string& name) const { return directory_ / (name + ".db"); }
  std::string syncs_file(const std::string& name) const { return directory_ / (name + ".syncs"); }

  const tests::TemporaryDirectory directory_;
  const std::filesystem::path sync_counter_;  // empty: they are not counted
  const std::string payments_url_;
  const std::string invoices_url_;
  std::vector<Process> providers_;
  std::vector<Process> invoice_apps_;
  std::vector<common::HttpClient> clients_;  // of the invoice-apps
  int added_ = 0;
};

}  // namespace bench

#endif  // BENCH_PAIRS_H_
