// The configuration of payment-provider: one immutable value, read once from the environment.

#ifndef PAYMENT_PROVIDER_CONFIG_H_
#define PAYMENT_PROVIDER_CONFIG_H_

#include "common/service/environment.h"
#include "common/service/service.h"
#include "payment-provider/payment.h"

namespace payment_provider {

struct Config {
  common::ServiceConfig service;
  PaymentRules rules;
};

// Throws common::ConfigError.
Config read_config(common::Environment& environment);

}  // namespace payment_provider

#endif  // PAYMENT_PROVIDER_CONFIG_H_
