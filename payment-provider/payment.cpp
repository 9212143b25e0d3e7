#include "payment-provider/payment.h"

#include <algorithm>

namespace payment_provider {

std::string find_refusal(const PaymentRules& rules, const common::Money& amount) {
  const auto& accepted = rules.accepted_currencies;
  const bool is_accepted = accepted.empty() ? amount.currency.is_active()
                                            : std::find(accepted.begin(), accepted.end(),
                                                        amount.currency) != accepted.end();
  if (is_accepted) return {};
  return "payments in " + std::string(amount.currency.code()) + " are not accepted";
}

}  // namespace payment_provider
