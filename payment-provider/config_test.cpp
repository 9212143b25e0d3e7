#include "payment-provider/config.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "common/storage/database_url.h"

namespace payment_provider {
namespace {

using Variables = std::map<std::string, std::string>;

Config read(const Variables& variables) {
  common::Environment environment([&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
  return read_config(environment);
}

std::vector<std::string> accepted_currencies(const std::string& list) {
  std::vector<std::string> codes;
  for (const auto currency : read({{"ACCEPTED_CURRENCIES", list}}).rules.accepted_currencies) {
    codes.emplace_back(currency.code());
  }
  return codes;
}

TEST(PaymentProviderConfig, HasDefaultsForEverything) {
  const Config config = read({});
  EXPECT_EQ(config.service.port, 8082);
  EXPECT_EQ(config.service.admin_port, 9082);
  EXPECT_EQ(config.service.database.location, "payments.db");
  EXPECT_EQ(config.service.provider_token, std::nullopt);
  EXPECT_TRUE(config.rules.accepted_currencies.empty());
}

TEST(PaymentProviderConfig, ReadsWhatIsSet) {
  const Config config =
      read({{"PORT", "18082"}, {"ADMIN_PORT", "0"}, {"DATABASE_URL", "sqlite:/data/payments.db"}});
  EXPECT_EQ(config.service.port, 18082);
  EXPECT_EQ(config.service.admin_port, 0);
  EXPECT_EQ(config.service.database.location, "/data/payments.db");
}

TEST(PaymentProviderConfig, ReadsAcceptedCurrencies) {
  using Codes = std::vector<std::string>;
  EXPECT_EQ(accepted_currencies(""), Codes{});
  EXPECT_EQ(accepted_currencies("EUR"), Codes{"EUR"});
  EXPECT_EQ(accepted_currencies("EUR,GBP,JPY"), (Codes{"EUR", "GBP", "JPY"}));
}

struct BadValue {
  std::string variable;
  std::string value;
  std::string accepted;
};

void PrintTo(const BadValue& bad, std::ostream* out) { *out << bad.variable << '=' << bad.value; }

class PaymentProviderConfigBadValue : public testing::TestWithParam<BadValue> {};

TEST_P(PaymentProviderConfigBadValue, IsRefusedNamingVariableValueAndWhatIsAccepted) {
  const auto& [variable, value, accepted] = GetParam();
  try {
    read({{variable, value}});
    FAIL() << variable << "=" << value << " was accepted";
  } catch (const common::ConfigError& error) {
    EXPECT_EQ(std::string(error.what()), variable + " is \"" + value + "\"; accepted: " + accepted);
  }
}

const std::string kCodes = "ISO 4217 codes separated by commas, or empty for all";

INSTANTIATE_TEST_SUITE_P(
    Table, PaymentProviderConfigBadValue,
    testing::Values(BadValue{"ADMIN_PORT", "-1", "a whole number from 0 to 65535"},
                    BadValue{"DATABASE_URL", "sqlite:", common::kDatabaseUrlSyntax},
                    BadValue{"ACCEPTED_CURRENCIES", "eur", kCodes},
                    BadValue{"ACCEPTED_CURRENCIES", "EUR,XXX", kCodes},
                    BadValue{"ACCEPTED_CURRENCIES", "EUR, GBP", kCodes},
                    BadValue{"ACCEPTED_CURRENCIES", "EUR;GBP", kCodes},
                    BadValue{"ACCEPTED_CURRENCIES", "EUR,", kCodes},
                    BadValue{"ACCEPTED_CURRENCIES", ",EUR", kCodes},
                    BadValue{"ACCEPTED_CURRENCIES", "EUR,,GBP", kCodes},
                    BadValue{"ACCEPTED_CURRENCIES", ",", kCodes},
                    BadValue{"ACCEPTED_CURRENCIES", " ", kCodes}));

}  // namespace
}  // namespace payment_provider
