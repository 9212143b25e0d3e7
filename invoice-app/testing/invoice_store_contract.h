// Tests of what invoice_store.h promises, for all stores and the fake. To test another store:
//
//   INSTANTIATE_TEST_SUITE_P(Sqlite, InvoiceStoreContract, testing::Values(new_sqlite_storage));

#ifndef INVOICE_APP_TESTING_INVOICE_STORE_CONTRACT_H_
#define INVOICE_APP_TESTING_INVOICE_STORE_CONTRACT_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "invoice-app/invoice_store.h"

namespace invoice_app {

// Opens another store on the same storage, as another process does.
using OpenInvoiceStore = std::function<std::shared_ptr<InvoiceStore>()>;
// Makes an empty storage. It lives as long as the returned function and the stores on it.
using NewInvoiceStorage = OpenInvoiceStore (*)();

class InvoiceStoreContract : public testing::TestWithParam<NewInvoiceStorage> {
 protected:
  const OpenInvoiceStore open_ = GetParam()();
  const std::shared_ptr<InvoiceStore> store_ = open_();
};

}  // namespace invoice_app

#endif  // INVOICE_APP_TESTING_INVOICE_STORE_CONTRACT_H_
