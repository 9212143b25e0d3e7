// The configuration of invoice-app: one immutable value, read once from the environment.

#ifndef INVOICE_APP_CONFIG_H_
#define INVOICE_APP_CONFIG_H_

#include <chrono>
#include <string>

#include "common/service/environment.h"
#include "common/service/service.h"

namespace invoice_app {

struct Config {
  common::ServiceConfig service;
  std::string payment_provider_url;
  std::chrono::seconds pay_wait;     // longest wait of POST /invoices/pay
  bool seed_invoices;                // adds three invoices to an empty database
  std::chrono::minutes audit_grace;  // AuditOptions::grace
};

// Throws common::ConfigError.
Config read_config(common::Environment& environment);

}  // namespace invoice_app

#endif  // INVOICE_APP_CONFIG_H_
