#include "tests/crash/invariants.h"

#include <array>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "tests/crash/trial.h"
#include "tests/support/api.h"
#include "tests/support/eventually.h"

namespace tests {
namespace {

using nlohmann::json;

void require(bool condition, const std::string& broken_promise) {
  if (!condition) throw Violation(broken_promise);
}

// What all replicas answer; they must agree.
json same_everywhere(const std::array<std::string, Replicas::kPerService>& urls,
                     const std::string& path) {
  json first = get_json(urls.front(), path);
  for (const std::string& url : urls) {
    require(get_json(url, path) == first, "replicas differ in " + path);
  }
  return first;
}

void check_attempts(const json& list, const Knowledge& knowledge) {
  const auto attempted = knowledge.attempted();
  const auto accepted = knowledge.snapshot().accepted;
  for (const json& invoice : list) {
    const std::string id = invoice["InvoiceId"];
    require(attempted.contains(id) || accepted.contains(id), id + " was never sent by anyone");
  }
}

// What was refused is refused again, and nothing else happens.
void check_that_paying_again_pays_nothing(const std::string& url, std::int64_t refused) {
  json report;
  const bool has_ended = eventually(
      [&] {
        const auto result = patient_client(url).post("/invoices/pay", {}, "", "");
        report = json::parse(std::get<common::HttpReply>(result).body);
        require(report["Paid"] == 0, "paid again: " + report.dump());
        return report["Pending"] == 0;
      },
      kSettleTimeout);
  require(has_ended && report["Refused"] == refused,
          std::to_string(refused) + " are refused; paying again gave " + report.dump());
}

// One payment with the same amount for each paid invoice, and no other payments.
void check_ledger(const json& list, const json& ledger) {
  json paid = json::array();
  for (const json& invoice : list) {
    require(invoice["IsPaid"] == true || is_refusable(invoice),
            "is not paid in the end: " + invoice.dump());
    require(invoice["IsPaid"] == false || !is_refusable(invoice),
            "is paid, though the provider refuses it: " + invoice.dump());
    if (invoice["IsPaid"] == true) paid.push_back(invoice);
  }
  const std::string wrong = difference(paid, ledger);
  require(wrong.empty(), wrong);
}

// Throws with the first column of the first row, if the query has a row.
void require_none(TrialDatabase& database, const std::string& sql, const std::string& what) {
  const std::string found = database.query(sql);
  require(found.empty(), found + ": " + what);
}

// The SQL is the same for SQLite and PostgreSQL.
void check_database(TrialDatabase& database) {
  const std::string damage = database.damage();
  require(damage.empty(), damage);

  require_none(database, "SELECT id FROM invoices WHERE state NOT IN (2, 3)",
               "is neither paid nor refused");
  // Only a recorded refusal ends a generation. So an invoice that is not refused has one
  // generation.
  require_none(database,
               "SELECT id FROM invoices WHERE currency <> 'DKK' AND (generation <> 1 OR state = 3)",
               "is marked as refused, though the provider accepts it");
  require_none(database,
               "SELECT id FROM invoices WHERE state = 3 AND generation <> (SELECT count(*) "
               "FROM payments WHERE invoice_id = id AND payments.refusal IS NOT NULL)",
               "does not have one recorded refusal for each time that it was refused");
  require_none(database,
               "WITH RECURSIVE generations(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM generations "
               "WHERE n < (SELECT max(generation) FROM invoices)) "
               "SELECT idempotency_key FROM payments JOIN invoices ON id = invoice_id "
               "WHERE NOT EXISTS (SELECT 1 FROM generations "
               "WHERE n <= generation AND idempotency_key = 'pay:' || id || ':' || n)",
               "is no key of a generation of this invoice");
  // In minor units, as both sides keep them.
  require_none(
      database,
      "SELECT currency FROM (SELECT currency, sum(amount_minor) AS paid FROM invoices "
      "WHERE state = 2 GROUP BY currency) AS ours FULL JOIN "
      "(SELECT currency, sum(amount_minor) AS received FROM payments WHERE refusal IS NULL "
      "GROUP BY currency) AS theirs USING (currency) WHERE paid IS DISTINCT FROM received",
      "sums of the invoices and the ledger differ");
}

}  // namespace

FinalCounts check_invariants(const Replicas& replicas, TrialDatabase& database,
                             const Knowledge& knowledge) {
  std::array<std::string, Replicas::kPerService> apps;
  std::array<std::string, Replicas::kPerService> providers;
  for (std::size_t i = 0; i < apps.size(); ++i) {
    apps[i] = replicas.invoice_app_url(i);
    providers[i] = replicas.provider_url(i);
  }
  const json list = same_everywhere(apps, "/invoices");
  const json ledger = same_everywhere(providers, "/payments");
  const auto paid = check_list(list, knowledge.snapshot());
  const auto refused = static_cast<std::int64_t>(list.size() - paid.size());
  check_ledger_list(ledger, knowledge.snapshot());
  check_attempts(list, knowledge);
  check_ledger(list, ledger);
  for (const std::string& app : apps) check_that_paying_again_pays_nothing(app, refused);
  require(same_everywhere(apps, "/invoices") == list, "paying again changed the invoices");
  require(same_everywhere(providers, "/payments") == ledger, "paying again changed the ledger");
  check_database(database);
  return {.invoices = static_cast<std::int64_t>(list.size()),
          .paid = static_cast<std::int64_t>(paid.size()),
          .refused = refused};
}

}  // namespace tests
