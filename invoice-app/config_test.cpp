#include "invoice-app/config.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "common/storage/database_url.h"

namespace invoice_app {
namespace {

using Variables = std::map<std::string, std::string>;

Config read(const Variables& variables) {
  common::Environment environment([&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
  return read_config(environment);
}

TEST(InvoiceAppConfig, HasDefaultsForEverything) {
  const Config config = read({});
  EXPECT_EQ(config.service.port, 8081);
  EXPECT_EQ(config.service.admin_port, 9081);
  EXPECT_EQ(config.service.database.location, "invoices.db");
  EXPECT_EQ(config.service.provider_token, std::nullopt);
  EXPECT_EQ(config.payment_provider_url, "http://127.0.0.1:8082");
  EXPECT_EQ(config.pay_wait, std::chrono::seconds(25));
  EXPECT_TRUE(config.seed_invoices);
  EXPECT_EQ(config.audit_grace, std::chrono::minutes(15));
}

TEST(InvoiceAppConfig, ReadsWhatIsSet) {
  const Config config = read({{"PORT", "0"},
                              {"ADMIN_PORT", "19081"},
                              {"DATABASE_URL", "sqlite:/data/invoices.db"},
                              {"PAYMENT_PROVIDER_URL", "http://payment-provider.payments:8082/v1"},
                              {"PAY_WAIT_SECONDS", "1"},
                              {"SEED_INVOICES", "false"},
                              {"AUDIT_GRACE_MINUTES", "0"}});
  EXPECT_EQ(config.service.port, 0);
  EXPECT_EQ(config.service.admin_port, 19081);
  EXPECT_EQ(config.service.database.location, "/data/invoices.db");
  EXPECT_EQ(config.payment_provider_url, "http://payment-provider.payments:8082/v1");
  EXPECT_EQ(config.pay_wait, std::chrono::seconds(1));
  EXPECT_FALSE(config.seed_invoices);
  EXPECT_EQ(config.audit_grace, std::chrono::minutes(0));
}

struct BadValue {
  std::string variable;
  std::string value;
  std::string accepted;
};

void PrintTo(const BadValue& bad, std::ostream* out) { *out << bad.variable << '=' << bad.value; }

class InvoiceAppConfigBadValue : public testing::TestWithParam<BadValue> {};

TEST_P(InvoiceAppConfigBadValue, IsRefusedNamingVariableValueAndWhatIsAccepted) {
  const auto& [variable, value, accepted] = GetParam();
  try {
    read({{variable, value}});
    FAIL() << variable << "=" << value << " was accepted";
  } catch (const common::ConfigError& error) {
    EXPECT_EQ(std::string(error.what()), variable + " is \"" + value + "\"; accepted: " + accepted);
  }
}

const std::string kUrl = "http://HOST[:PORT][/PATH] without /payments/pay, which calls append";
const std::string kWait = "a whole number from 1 to 300";

INSTANTIATE_TEST_SUITE_P(
    Table, InvoiceAppConfigBadValue,
    testing::Values(BadValue{"PORT", "65536", "a whole number from 0 to 65535"},
                    BadValue{"DATABASE_URL", "invoices.db", common::kDatabaseUrlSyntax},
                    BadValue{"PAYMENT_PROVIDER_URL", "", kUrl},
                    BadValue{"PAYMENT_PROVIDER_URL", "payment-provider:8082", kUrl},
                    BadValue{"PAYMENT_PROVIDER_URL", "https://payment-provider", kUrl},
                    BadValue{"PAYMENT_PROVIDER_URL", "http://", kUrl},
                    BadValue{"PAYMENT_PROVIDER_URL", "http://host:0", kUrl},
                    BadValue{"PAYMENT_PROVIDER_URL", "http://host/pay?key=1", kUrl},
                    BadValue{"PAYMENT_PROVIDER_URL", "http://host:8082/payments/pay", kUrl},
                    BadValue{"PAYMENT_PROVIDER_URL", "http://host/v1/payments/batch/", kUrl},
                    BadValue{"PAY_WAIT_SECONDS", "0", kWait},
                    BadValue{"PAY_WAIT_SECONDS", "301", kWait},
                    BadValue{"PAY_WAIT_SECONDS", "2.5", kWait},
                    BadValue{"SEED_INVOICES", "yes", "true|false"},
                    BadValue{"SEED_INVOICES", "", "true|false"}));

}  // namespace
}  // namespace invoice_app
