#include "payment-provider/payment.h"

#include <gtest/gtest.h>

namespace payment_provider {
namespace {

common::Currency currency(const char* code) { return common::Currency::find(code).value(); }

TEST(PaymentRules, AllowEveryCurrencyWhenNoneIsNamed) {
  const PaymentRules rules;
  for (const char* code : {"EUR", "JPY", "KWD"}) {
    EXPECT_EQ(find_refusal(rules, {1, currency(code)}), "") << code;
  }
}

TEST(PaymentRules, AllowTheCurrenciesThatAreNamed) {
  const PaymentRules rules{.accepted_currencies = {currency("EUR"), currency("GBP")}};
  EXPECT_EQ(find_refusal(rules, {1215, currency("EUR")}), "");
  EXPECT_EQ(find_refusal(rules, {common::kMaxMinorUnits, currency("GBP")}), "");
}

TEST(PaymentRules, RefuseOtherCurrenciesAndSayWhich) {
  const PaymentRules rules{.accepted_currencies = {currency("EUR"), currency("GBP")}};
  EXPECT_EQ(find_refusal(rules, {6613, currency("DKK")}), "payments in DKK are not accepted");
}

TEST(PaymentRules, RefuseWithdrawnCurrencies) {
  const common::Currency lev = common::Currency::find_any("BGN").value();
  EXPECT_EQ(find_refusal({}, {1215, lev}), "payments in BGN are not accepted");
}

}  // namespace
}  // namespace payment_provider
