// A client's calls to the public APIs, for tests and benchmarks. The functions throw
// std::runtime_error for an unexpected answer.

#ifndef TESTS_SUPPORT_API_H_
#define TESTS_SUPPORT_API_H_

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "common/http/client.h"
#include "tests/support/eventually.h"

namespace tests {

// A client with a long timeout, for answers of any length.
common::HttpClient patient_client(const std::string& base_url);

// The reply; throws when there is none, or it has another status.
common::HttpReply expect_status(const common::HttpResult& result, int status);

nlohmann::json get_json(const std::string& base_url, const std::string& path);

// Adds `count` unpaid invoices in EUR: `prefix`0, `prefix`1, ...
void add_invoices(const std::string& invoice_app_url, const std::string& prefix, int count);

// Waits until all invoices are paid; false when they are not in time.
bool all_get_paid(const std::string& invoice_app_url, std::chrono::seconds patience = kPatience);

// The first difference, or "" when the ledger has exactly one payment for each invoice, with the
// same amount, and no other payments.
std::string difference(const nlohmann::json& invoices, const nlohmann::json& ledger);

}  // namespace tests

#endif  // TESTS_SUPPORT_API_H_
