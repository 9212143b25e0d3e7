// The lists of several replicas on one database, which each keeps in memory.

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/support/api.h"
#include "tests/support/raw_client.h"
#include "tests/support/service_process.h"
#include "tests/support/temporary_directory.h"

namespace tests {
namespace {

using nlohmann::json;

class Lists : public testing::Test {
 protected:
  using Replicas = std::vector<std::unique_ptr<ServiceProcess>>;
  static constexpr int kReplicas = 3;

  Replicas start(const std::string& binary, const std::string& name, Variables variables) const {
    variables["DATABASE_URL"] = "sqlite:" + (directory_ / (name + ".db")).string();
    Replicas replicas;
    for (int i = 0; i < kReplicas; ++i) {
      replicas.push_back(std::make_unique<ServiceProcess>(
          binary, variables, directory_ / (name + std::to_string(i) + ".log")));
      replicas.back()->await_ready();
    }
    return replicas;
  }

  // The list, which must be the same at every replica, with the same ETag, also when it is kept. A
  // client that has it gets 304, also from another replica.
  static json same_at_all(const Replicas& replicas, const std::string& path) {
    std::set<std::string> etags;
    std::set<std::string> bodies;
    for (int i = 0; i < 2; ++i) {
      for (const auto& replica : replicas) {
        const auto reply = expect_status(patient_client(replica->url()).get(path), 200);
        etags.emplace(reply.header("ETag"));
        bodies.insert(reply.body);
      }
    }
    EXPECT_EQ(bodies.size(), 1U);
    EXPECT_EQ(etags.size(), 1U);
    for (const auto& replica : replicas) {
      RawClient client(replica->port());  // HttpClient would wait for a body
      client.send("GET " + path + " HTTP/1.1\r\nHost: test\r\nIf-None-Match: " + *etags.begin() +
                  "\r\n\r\n");
      EXPECT_EQ(client.read_answer(true).value_or(RawAnswer{}).status, 304);
      EXPECT_TRUE(client.is_idle());
    }
    return json::parse(*bodies.begin());
  }

  const TemporaryDirectory directory_;
};

TEST_F(Lists, AreTheNewOnesOnEveryReplicaAfterEveryChange) {
  const Replicas providers =
      start(PAYMENT_PROVIDER_BINARY, "payments", {{"ACCEPTED_CURRENCIES", "EUR"}});
  const Replicas apps =
      start(INVOICE_APP_BINARY, "invoices",
            {{"PAYMENT_PROVIDER_URL", providers[0]->url()}, {"SEED_INVOICES", "false"}});
  EXPECT_EQ(same_at_all(apps, "/invoices"), json::array());
  EXPECT_EQ(same_at_all(providers, "/payments"), json::array());

  json expected = json::array();
  std::size_t paid = 0;
  for (int step = 0; step < 2 * kReplicas; ++step) {
    common::HttpClient writer =
        patient_client(apps[static_cast<std::size_t>(step % kReplicas)]->url());
    const bool is_refused = step >= kReplicas;
    const json invoice = {{"InvoiceId", "I" + std::to_string(step)},
                          {"Value", 1 + step},
                          {"Currency", is_refused ? "GBP" : "EUR"}};
    expect_status(writer.post("/invoices", {}, invoice.dump()), 201);
    expected.push_back(invoice);
    expected.back()["IsPaid"] = false;
    EXPECT_EQ(same_at_all(apps, "/invoices"), expected);

    expect_status(writer.post("/invoices/pay", {}, ""), is_refused ? 502 : 200);
    if (!is_refused) {
      expected.back()["IsPaid"] = true;
      ++paid;
    }
    EXPECT_EQ(same_at_all(apps, "/invoices"), expected);
    EXPECT_EQ(same_at_all(providers, "/payments").size(), paid);

    // Again, as a client that got no response does.
    expect_status(writer.post("/invoices", {}, invoice.dump()), 200);
    EXPECT_EQ(same_at_all(apps, "/invoices"), expected);
  }
}

TEST_F(Lists, KeepTheirETagWhileOnlyReadinessWritesToTheDatabase) {
  const Replicas apps =
      start(INVOICE_APP_BINARY, "invoices", {{"PAYMENT_PROVIDER_URL", "http://127.0.0.1:9"}});
  const auto etag = [&] {
    const auto reply = expect_status(patient_client(apps[0]->url()).get("/invoices"), 200);
    return std::string(reply.header("ETag"));
  };
  const std::string before = etag();
  expect_status(patient_client(apps[1]->admin_url()).get("/readyz"), 200);
  EXPECT_EQ(etag(), before);
}

}  // namespace
}  // namespace tests
