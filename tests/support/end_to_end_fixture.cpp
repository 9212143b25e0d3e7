#include "tests/support/end_to_end_fixture.h"

#include "tests/support/postgres_server.h"

namespace tests {

std::unique_ptr<ServiceProcess> EndToEnd::start_provider(Variables environment) {
  environment.try_emplace("DATABASE_URL", database("payments"));
  return start("payment-provider", PAYMENT_PROVIDER_BINARY, std::move(environment));
}

std::unique_ptr<ServiceProcess> EndToEnd::start_invoice_app(const std::string& provider_url,
                                                            Variables environment) {
  environment.try_emplace("DATABASE_URL", database("invoices"));
  environment.try_emplace("PAYMENT_PROVIDER_URL", provider_url);
  return start("invoice-app", INVOICE_APP_BINARY, std::move(environment));
}

std::string EndToEnd::binary(const std::string& name) {
  return name == "invoices" ? INVOICE_APP_BINARY : PAYMENT_PROVIDER_BINARY;
}

std::string EndToEnd::database(const std::string& name) {
  if (kind_ == DatabaseKind::kSqlite) return "sqlite:" + (directory_ / (name + ".db")).string();
  std::string& url = postgres_urls_[name];
  if (url.empty()) url = shared_postgres().create_database();
  return url;
}

}  // namespace tests
