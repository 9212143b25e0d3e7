#include "payment-provider/payment.h"

#include <algorithm>

namespace payment_provider {

std::string find_refusal(const PaymentRules& rules, const common::Money& amount) {
  const auto& accepted = rules.accepted_currencies;
  if (accepted.empty() ||
      std::find(accepted.begin(), accepted.end(), amount.currency) != accepted.end()) {
    return {};
  }
  return "payments in " + std::string(amount.currency.code()) + " are not accepted";
}

}  // namespace payment_provider
