// PaymentWorkers on a fake store and fake gateways.

#ifndef INVOICE_APP_TESTING_PAYMENT_WORKERS_FIXTURE_H_
#define INVOICE_APP_TESTING_PAYMENT_WORKERS_FIXTURE_H_

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "invoice-app/payment_workers.h"
#include "invoice-app/testing/fake_invoice_store.h"
#include "invoice-app/testing/fake_payment_gateways.h"
#include "invoice-app/testing/single_writes.h"
#include "invoice-app/testing/worker_options.h"
#include "tests/support/fake_clock.h"

namespace invoice_app {

class PaymentWorkersTest : public testing::Test {
 protected:
  std::unique_ptr<PaymentWorkers> start(PaymentWorkersOptions options, const common::Clock& clock) {
    return std::make_unique<PaymentWorkers>(store_, gateways_.factory(), clock, metrics_,
                                            std::move(options));
  }
  std::unique_ptr<PaymentWorkers> start(std::size_t concurrency = 4) {
    return start(worker_options("worker", concurrency), system_clock_);
  }

  void add_due(int count) {
    store_.add_invoices(count);
    request_payment(store_);
  }

  // Waits until the workers have looked for more invoices.
  bool eventually_looked_again() const {
    return store_.eventually_called(FakeInvoiceStore::Call::kIsClaimable,
                                    store_.calls(FakeInvoiceStore::Call::kIsClaimable) + 2);
  }

  // Expects one call and one key for each invoice.
  void expect_one_call_each(int invoices) const {
    EXPECT_EQ(gateways_.calls(), invoices);
    EXPECT_EQ(gateways_.calls_by_invoice().size(), static_cast<std::size_t>(invoices));
    EXPECT_EQ(gateways_.calls_by_key().size(), static_cast<std::size_t>(invoices));
  }

  std::vector<Settlement::Kind> settled_kinds() const {
    std::vector<Settlement::Kind> kinds;
    for (const Settlement& settlement : store_.settlements()) kinds.push_back(settlement.kind);
    return kinds;
  }

  FakeInvoiceStore store_;
  FakePaymentGateways gateways_;
  tests::FakeClock clock_;
  const common::SystemClock system_clock_{};
  prometheus::Registry registry_;
  PayMetrics metrics_{registry_};
};

}  // namespace invoice_app

#endif  // INVOICE_APP_TESTING_PAYMENT_WORKERS_FIXTURE_H_
