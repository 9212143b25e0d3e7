// Starts both programs as processes of their own, with databases of SQLite on disk, or of
// PostgreSQL.

#ifndef TESTS_SUPPORT_END_TO_END_FIXTURE_H_
#define TESTS_SUPPORT_END_TO_END_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/api.h"
#include "tests/support/service_process.h"

namespace tests {

using nlohmann::json;

inline const json kSeedUnpaid = json::parse(R"([
    {"InvoiceId": "I1", "Value": 12.15, "Currency": "EUR", "IsPaid": false},
    {"InvoiceId": "I2", "Value": 10.25, "Currency": "GBP", "IsPaid": false},
    {"InvoiceId": "I3", "Value": 66.13, "Currency": "DKK", "IsPaid": false}])");

inline json all_paid(json invoices) {
  for (json& invoice : invoices) invoice["IsPaid"] = true;
  return invoices;
}

enum class DatabaseKind { kSqlite, kPostgres };

class EndToEnd : public testing::Test {
 protected:
  explicit EndToEnd(DatabaseKind kind = DatabaseKind::kSqlite) : kind_(kind) {}

  std::unique_ptr<ServiceProcess> start(const std::string& name, const std::string& binary,
                                        Variables environment) {
    auto process = std::make_unique<ServiceProcess>(binary, std::move(environment),
                                                    directory_ / (name + ".log"));
    process->await_ready();
    return process;
  }

  std::unique_ptr<ServiceProcess> start_provider(Variables environment = {});
  std::unique_ptr<ServiceProcess> start_invoice_app(const std::string& provider_url,
                                                    Variables environment = {});

  // The program whose database has this name: "invoices" or "payments".
  static std::string binary(const std::string& name);

  // The URL of the test's database with this name.
  std::string database(const std::string& name);

  static json invoices(const ServiceProcess& app) { return get_json(app.url(), "/invoices"); }
  static json payments(const ServiceProcess& provider) {
    return get_json(provider.url(), "/payments");
  }
  static common::HttpResult pay(const ServiceProcess& app) {
    return patient_client(app.url()).post("/invoices/pay", {}, "", "");
  }
  // Of a metric, named with its labels.
  static std::int64_t value(const ServiceProcess& service, const std::string& metric) {
    const auto reply = expect_status(patient_client(service.admin_url()).get("/metrics"), 200);
    const std::size_t found = reply.body.find('\n' + metric + ' ');
    if (found == std::string::npos) throw std::runtime_error("no " + metric);
    return std::stoll(reply.body.substr(found + metric.size() + 1));
  }
  static std::int64_t attempts(const ServiceProcess& app, const std::string& outcome) {
    return value(app, "invoice_payment_attempts_total{outcome=\"" + outcome + "\"}");
  }

  const TemporaryDirectory directory_;

 private:
  const DatabaseKind kind_;
  std::map<std::string, std::string> postgres_urls_;  // by name
};

}  // namespace tests

#endif  // TESTS_SUPPORT_END_TO_END_FIXTURE_H_
