#include "tests/support/api.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <variant>

#include "tests/support/eventually.h"

namespace tests {

common::HttpClient patient_client(const std::string& base_url) {
  return common::HttpClient({.base_url = base_url,
                             .call_timeout = std::chrono::seconds(310),
                             .max_response_bytes = std::size_t{1} << 30U});
}

common::HttpReply expect_status(const common::HttpResult& result, int status) {
  if (const auto* failure = std::get_if<common::HttpFailure>(&result)) {
    throw std::runtime_error(failure->message);
  }
  const auto& reply = std::get<common::HttpReply>(result);
  if (reply.status != status) {
    throw std::runtime_error("HTTP " + std::to_string(reply.status) + " instead of " +
                             std::to_string(status) + ": " + reply.body);
  }
  return reply;
}

nlohmann::json get_json(const std::string& base_url, const std::string& path) {
  return nlohmann::json::parse(expect_status(patient_client(base_url).get(path), 200).body);
}

void add_invoices(const std::string& invoice_app_url, const std::string& prefix, int count) {
  constexpr int kPerRequest = 5000;
  common::HttpClient client = patient_client(invoice_app_url);
  for (int added = 0; added < count;) {
    nlohmann::json invoices = nlohmann::json::array();
    for (const int end = std::min(count, added + kPerRequest); added < end; ++added) {
      invoices.push_back({{"InvoiceId", prefix + std::to_string(added)},
                          {"Value", 1 + added},
                          {"Currency", "EUR"}});
    }
    expect_status(client.post("/invoices", {}, invoices.dump()), 201);
  }
}

// Searches the text: with sanitizers, parsing a long list again and again would take all the time.
// On a busy machine a read may wait for a lock for too long, so it asks again.
bool all_get_paid(const std::string& invoice_app_url, std::chrono::seconds patience) {
  common::HttpClient client = patient_client(invoice_app_url);
  return eventually(
      [&] {
        const auto result = client.get("/invoices");
        const auto* reply = std::get_if<common::HttpReply>(&result);
        return reply != nullptr && reply->status == 200 &&
               reply->body.find(R"("IsPaid":false)") == std::string::npos;
      },
      patience);
}

std::string difference(const nlohmann::json& invoices, const nlohmann::json& ledger) {
  std::map<std::string, nlohmann::json> payments;
  for (const auto& payment : ledger) {
    if (!payments.emplace(payment["id"], payment).second) {
      return "paid twice: " + payment.dump();
    }
  }
  for (const auto& invoice : invoices) {
    const auto payment = payments.find(invoice["InvoiceId"]);
    if (payment == payments.end()) return "not in the ledger: " + invoice.dump();
    if (payment->second["value"] != invoice["Value"] ||
        payment->second["currency"] != invoice["Currency"]) {
      return "paid with a different amount: " + invoice.dump() + payment->second.dump();
    }
  }
  if (payments.size() != invoices.size()) return "payments for no invoice";
  return "";
}

}  // namespace tests
