#include "invoice-app/audit_report.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/money/currency.h"
#include "common/money/money.h"

namespace invoice_app {
namespace {

using Total = AuditReport::Total;

std::string decimal(const Total& total, const std::string& currency) {
  return common::to_decimal(total.sum.minor_units(), common::Currency::find_any(currency).value());
}

// {"Count":2,"Sum":24.30}
std::string to_json(const Total& total, const std::string& currency) {
  return R"({"Count":)" + std::to_string(total.count) + R"(,"Sum":)" + decimal(total, currency) +
         '}';
}

std::int64_t count(const AuditReport& report, Total AuditReport::Totals::*side) {
  std::int64_t count = 0;
  for (const auto& [currency, totals] : report.by_currency) count += (totals.*side).count;
  return count;
}

std::string counts(const AuditReport& report) {
  return std::to_string(count(report, &AuditReport::Totals::invoices)) + " paid invoices, " +
         std::to_string(count(report, &AuditReport::Totals::payments)) + " payments (" +
         std::to_string(report.unsettled) + " not settled yet)";
}

}  // namespace

std::string to_text(const AuditReport& report) {
  std::string text;
  for (const auto& [currency, totals] : report.by_currency) {
    text.append(currency).append(": paid invoices ").append(decimal(totals.invoices, currency));
    text.append(", payments ").append(decimal(totals.payments, currency)).append("\n");
  }
  for (std::size_t kind = 0; kind < kDifferences.size(); ++kind) {
    const std::int64_t found = report.differences.at(kind);
    if (found == 0) continue;
    text.append(kDifferences.at(kind).second).append(": ");
    text.append(std::to_string(found)).append("\n");
  }
  text.append(report.is_equal() ? "no difference: " : "DIFFERENT: ").append(counts(report));
  return text.append("\n");
}

std::string to_json(const AuditReport& report, common::WallTime started_at,
                    std::chrono::milliseconds duration) {
  std::string json = R"({"Result":")";
  json.append(report.is_equal() ? "equal" : "different");
  json.append(R"(","StartedAt":")").append(common::to_rfc3339(started_at));
  json.append(R"(","DurationMs":)").append(std::to_string(duration.count()));
  json.append(R"(,"Invoices":)");
  json.append(std::to_string(count(report, &AuditReport::Totals::invoices)));
  json.append(R"(,"Payments":)");
  json.append(std::to_string(count(report, &AuditReport::Totals::payments)));
  json.append(R"(,"Unsettled":)").append(std::to_string(report.unsettled));
  json.append(R"(,"Differences":)");
  for (std::size_t kind = 0; kind < kDifferences.size(); ++kind) {
    json.append(kind == 0 ? "{\"" : ",\"").append(kDifferences.at(kind).first).append("\":");
    json.append(std::to_string(report.differences.at(kind)));
  }
  json.append(R"(},"Sums":[)");
  for (const auto& [currency, totals] : report.by_currency) {
    if (json.back() != '[') json += ',';
    json.append(R"({"Currency":")").append(currency);
    json.append(R"(","Invoices":)").append(to_json(totals.invoices, currency));
    json.append(R"(,"Payments":)").append(to_json(totals.payments, currency)).append("}");
  }
  return json.append("]}\n");
}

}  // namespace invoice_app
