#include "payment-provider/config.h"

#include <optional>
#include <string>
#include <string_view>

namespace payment_provider {
namespace {

// Returns nullopt if a code is unknown.
std::optional<std::vector<common::Currency>> read_currencies(std::string_view list) {
  std::vector<common::Currency> currencies;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const auto currency = common::Currency::find(list.substr(0, comma));
    if (!currency) return std::nullopt;
    currencies.push_back(*currency);
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
    if (list.empty()) return std::nullopt;  // a comma at the end
  }
  return currencies;
}

}  // namespace

Config read_config(common::Environment& environment) {
  Config config;
  config.service = common::read_service_config(
      environment, {.port = 8082, .admin_port = 9082, .database_url = "sqlite:payments.db"});
  const std::string currencies = environment.text(
      "ACCEPTED_CURRENCIES", "", "ISO 4217 codes separated by commas, or empty for all",
      "payments in other currencies are refused",
      [](const std::string& value) { return read_currencies(value).has_value(); });
  config.rules.accepted_currencies = read_currencies(currencies).value();
  return config;
}

}  // namespace payment_provider
