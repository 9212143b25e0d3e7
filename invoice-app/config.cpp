#include "invoice-app/config.h"

#include "common/http/base_url.h"

namespace invoice_app {
namespace {

// Not the URL of an endpoint, to which calls would append the endpoint once more.
bool is_provider_url(const std::string& url) {
  const auto base = common::parse_base_url(url);
  return base && !base->path.ends_with("/payments/pay") && !base->path.ends_with("/payments/batch");
}

}  // namespace

Config read_config(common::Environment& environment) {
  Config config;
  config.service = common::read_service_config(
      environment, {.port = 8081, .admin_port = 9081, .database_url = "sqlite:invoices.db"});
  config.payment_provider_url =
      environment.text("PAYMENT_PROVIDER_URL", "http://127.0.0.1:8082",
                       "http://HOST[:PORT][/PATH] without /payments/pay, which calls append",
                       "base URL of payment-provider", is_provider_url);
  config.pay_wait = std::chrono::seconds(environment.integer(
      "PAY_WAIT_SECONDS", 25, 1, 300, "how long POST /invoices/pay waits before it answers 202"));
  config.seed_invoices =
      environment.boolean("SEED_INVOICES", true, "add three invoices to an empty database");
  config.audit_grace =
      std::chrono::minutes(environment.integer("AUDIT_GRACE_MINUTES", 15, 0, 10'080,
                                               "--audit: how old a payment of an invoice that is "
                                               "not paid must be to count as a difference"));
  return config;
}

}  // namespace invoice_app
