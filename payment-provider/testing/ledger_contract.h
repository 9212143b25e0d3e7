// Tests of what ledger.h promises, for every Ledger. To test another ledger:
//
//   INSTANTIATE_TEST_SUITE_P(Sqlite, LedgerContract, testing::Values(new_sqlite_storage));

#ifndef PAYMENT_PROVIDER_TESTING_LEDGER_CONTRACT_H_
#define PAYMENT_PROVIDER_TESTING_LEDGER_CONTRACT_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "common/base/clock.h"
#include "payment-provider/ledger.h"
#include "tests/support/fake_clock.h"

namespace payment_provider {

// Opens another ledger on the same storage, as another process does.
using OpenLedger = std::function<std::shared_ptr<Ledger>()>;
// Makes an empty storage. It lives as long as the returned function and the ledgers on it; the
// clock outlives them.
using NewLedgerStorage = OpenLedger (*)(const common::Clock& clock);

class LedgerContract : public testing::TestWithParam<NewLedgerStorage> {
 protected:
  tests::FakeClock clock_;
  const OpenLedger open_ = GetParam()(clock_);
  const std::shared_ptr<Ledger> ledger_ = open_();
};

}  // namespace payment_provider

#endif  // PAYMENT_PROVIDER_TESTING_LEDGER_CONTRACT_H_
