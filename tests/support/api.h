// The services' public APIs as a client sees them, for tests and benchmarks. Everything here throws
// std::runtime_error when the answer is not the expected one.

#ifndef TESTS_SUPPORT_API_H_
#define TESTS_SUPPORT_API_H_

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "common/http/client.h"
#include "tests/support/eventually.h"

namespace tests {

// A client that waits long and takes answers of any length.
common::HttpClient patient_client(const std::string& base_url);

// The reply, if there is one with this status.
common::HttpReply expect_status(const common::HttpResult& result, int status);

nlohmann::json get_json(const std::string& base_url, const std::string& path);

// Adds `count` unpaid invoices of `prefix`0, `prefix`1, ... in EUR.
void add_invoices(const std::string& invoice_app_url, const std::string& prefix, int count);

// Waits until no invoice is unpaid; false when that doesn't come.
bool all_get_paid(const std::string& invoice_app_url, std::chrono::seconds patience = kPatience);

// "" when the ledger has exactly one payment for each of the invoices, with the same amount, and no
// other payments; else what is wrong.
std::string difference(const nlohmann::json& invoices, const nlohmann::json& ledger);

}  // namespace tests

#endif  // TESTS_SUPPORT_API_H_
