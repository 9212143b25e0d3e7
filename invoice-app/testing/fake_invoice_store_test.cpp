// The fake store keeps the same contract as the real ones.

#include "invoice-app/testing/fake_invoice_store.h"

#include "invoice-app/testing/invoice_store_contract.h"

namespace invoice_app {
namespace {

OpenInvoiceStore new_fake_storage(const common::Clock& clock) {
  return [store = std::make_shared<FakeInvoiceStore>(clock)] { return store; };
}

INSTANTIATE_TEST_SUITE_P(Fake, InvoiceStoreContract, testing::Values(new_fake_storage));

}  // namespace
}  // namespace invoice_app
