// What ledger.h promises, as tests that every Ledger goes through. A new one adds itself with
//
//   INSTANTIATE_TEST_SUITE_P(Sqlite, LedgerContract, testing::Values(new_sqlite_storage));

#ifndef PAYMENT_PROVIDER_TESTING_LEDGER_CONTRACT_H_
#define PAYMENT_PROVIDER_TESTING_LEDGER_CONTRACT_H_

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "common/base/clock.h"
#include "payment-provider/ledger.h"

namespace payment_provider {

// Stands still until it is set.
class FakeClock : public common::Clock {
 public:
  std::int64_t now_ms() const override { return now_ms_; }
  void set(std::int64_t now_ms) { now_ms_ = now_ms; }

 private:
  std::atomic<std::int64_t> now_ms_ = 1'700'000'000'000;
};

// Opens one more ledger on the same storage, as another process does.
using OpenLedger = std::function<std::shared_ptr<Ledger>()>;
// Makes a storage that is empty, and lives as long as what it returns and the ledgers on it. The
// clock outlives them.
using NewLedgerStorage = OpenLedger (*)(const common::Clock& clock);

class LedgerContract : public testing::TestWithParam<NewLedgerStorage> {
 protected:
  FakeClock clock_;
  const OpenLedger open_ = GetParam()(clock_);
  const std::shared_ptr<Ledger> ledger_ = open_();
};

}  // namespace payment_provider

#endif  // PAYMENT_PROVIDER_TESTING_LEDGER_CONTRACT_H_
