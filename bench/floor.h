// The floor of a pay run: what the two databases alone allow. It pays invoices with the stores of
// the services, so with the same rows, statements and syncs, but in this process: without HTTP,
// JSON, log lines and retries.

#ifndef BENCH_FLOOR_H_
#define BENCH_FLOOR_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "common/base/clock.h"
#include "invoice-app/invoice_store.h"
#include "payment-provider/ledger.h"
#include "tests/support/postgres_server.h"
#include "tests/support/temporary_directory.h"

namespace bench {

// Payments in one commit.
struct CommitSizes {
  std::size_t invoices;  // settles so many, and claims the next
  std::size_t ledger;    // larger than `invoices` counts as the same
};

class Floor {
 public:
  // On new databases of this server, or of SQLite.
  explicit Floor(tests::PostgresServer* server = nullptr);

  // Adds this many unpaid invoices.
  void add(int count);

  // Both pay all invoices, from the request to pay to the last settlement, and return the time.
  // One thread: each commit begins after the one before it.
  std::chrono::duration<double> pay_in_turn(const CommitSizes& sizes);
  // A thread for each database and two batches in flight, as a pair of services works.
  std::chrono::duration<double> pay_in_pipeline(const CommitSizes& sizes);

 private:
  const tests::TemporaryDirectory directory_;
  const common::SystemClock clock_{};
  const std::unique_ptr<invoice_app::InvoiceStore> invoices_;
  const std::unique_ptr<payment_provider::Ledger> ledger_;
  int added_ = 0;
};

}  // namespace bench

#endif  // BENCH_FLOOR_H_
