#include "tests/support/storage_faults_fixture.h"

namespace tests {

constinit const Program kInvoiceApp{
    "InvoiceApp", INVOICE_APP_BINARY, "/invoices", "/invoices", "InvoiceId", "Value", "Currency"};
constinit const Program kPaymentProvider{
    "PaymentProvider", PAYMENT_PROVIDER_BINARY, "/payments/pay", "/payments", "id", "value",
    "currency"};

}  // namespace tests
