// Routes on a ledger, without sockets. For the tests of routes.h.

#ifndef PAYMENT_PROVIDER_ROUTES_FIXTURE_H_
#define PAYMENT_PROVIDER_ROUTES_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/unavailable.h"
#include "payment-provider/routes.h"
#include "payment-provider/sqlite_ledger.h"
#include "tests/support/fake_clock.h"
#include "tests/support/router_client.h"
#include "tests/support/temporary_directory.h"

namespace payment_provider {

inline constexpr const char* kReplayed = "Idempotent-Replayed";

// An element of a batch.
inline std::string payment(const std::string& key, const std::string& id,
                           const std::string& value = "12.15",
                           const std::string& currency = "EUR") {
  return R"({"idempotencyKey":)" + nlohmann::json(key).dump() + R"(,"id":")" + id +
         R"(","value":)" + value + R"(,"currency":")" + currency + "\"}";
}

// A batch.
inline std::string array(const std::vector<std::string>& elements) {
  std::string text;
  for (const std::string& element : elements) text += (text.empty() ? "" : ",") + element;
  return '[' + text + ']';
}

// A batch of `count` payments, each of its own invoice.
inline std::string many(std::size_t count) {
  std::vector<std::string> elements;
  for (std::size_t i = 0; i < count; ++i) {
    elements.push_back(payment("k" + std::to_string(i), "I" + std::to_string(i)));
  }
  return array(elements);
}

class Provider {
 public:
  explicit Provider(Ledger& ledger, PaymentRules rules = {},
                    std::optional<std::string> token = std::nullopt)
      : routes_(ledger, std::move(rules), std::move(token), {registry_, "record"}) {
    routes_.add_to(client_.router());
  }

  common::HttpResponse pay(const std::string& body, const common::HttpHeaders& headers = {}) {
    return client_.post("/payments/pay", body, headers);
  }
  common::HttpResponse pay_with_key(const std::string& body, const std::string& key) {
    return pay(body, {{"Idempotency-Key", key}});
  }
  common::HttpResponse pay_batch(const std::string& body, const common::HttpHeaders& headers = {}) {
    return client_.post("/payments/batch", body, headers);
  }
  nlohmann::json payments() { return nlohmann::json::parse(client_.get("/payments").body); }
  tests::RouterClient& client() { return client_; }

 private:
  prometheus::Registry registry_;
  Routes routes_;
  tests::RouterClient client_;
};

class PaymentRoutes : public testing::Test {
 protected:
  const tests::TemporaryDirectory directory_;
  const tests::FakeClock clock_;
  SqliteLedger ledger_{directory_ / "payments.db", clock_};
  Provider provider_{ledger_};
};

class BrokenLedger : public Ledger {
 public:
  std::vector<PaymentOutcome> record(std::span<const PaymentOrder>) override { fail(); }
  std::vector<LedgerEntry> page(const LedgerFilter&, std::int64_t, std::size_t) override { fail(); }
  std::optional<LedgerEntry> find(const std::string&) override { fail(); }
  std::vector<LedgerTotal> totals() override { fail(); }
  std::optional<std::uint64_t> version() override { return std::nullopt; }
  std::optional<std::uint64_t> committed_version() override { fail(); }
  void check() override { fail(); }

 private:
  [[noreturn]] static void fail() { throw common::Unavailable("the disk is full"); }
};

}  // namespace payment_provider

#endif  // PAYMENT_PROVIDER_ROUTES_FIXTURE_H_
