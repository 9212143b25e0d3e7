// The progress of a payment run as a stream of events, from both programs as processes of their
// own.

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/api.h"
#include "tests/support/end_to_end_fixture.h"
#include "tests/support/raw_client.h"
#include "tests/support/reserved_port.h"
#include "tests/support/service_process.h"

namespace tests {
namespace {

constexpr const char* kPay =
    "POST /invoices/pay HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\n\r\n";

// The data of the next event with this name. Skips all before it.
json next_event(RawClient& client, const std::string& name) {
  if (!client.read_through("event: " + name + "\ndata: ")) return "no " + name;
  return json::parse(client.read_through("\n").value_or("\"the data is incomplete\""));
}

class PayEvents : public EndToEnd, public testing::WithParamInterface<DatabaseKind> {
 protected:
  PayEvents() : EndToEnd(GetParam()) {}

  static RawClient subscribe(const ServiceProcess& app) {
    RawClient client(app.port());
    client.send(kPay);
    const std::string head = client.read_through("\r\n\r\n").value_or("no head");
    EXPECT_TRUE(head.starts_with("HTTP/1.1 200 ")) << head;
    return client;
  }
};
INSTANTIATE_TEST_SUITE_P(On, PayEvents,
                         testing::Values(DatabaseKind::kSqlite, DatabaseKind::kPostgres),
                         [](const auto& test) {
                           return test.param == DatabaseKind::kSqlite ? "Sqlite" : "Postgres";
                         });

TEST_P(PayEvents, CurlShowsTheProgressAsLines) {
  constexpr int kInvoices = 10'000;
  const auto provider = start_provider();
  const auto app = start_invoice_app(provider->url(), {{"SEED_INVOICES", "false"}});
  add_invoices(app->url(), "A", kInvoices);

  FILE* curl = popen(
      ("curl -sS -N -X POST -H 'Accept: text/event-stream' " + app->url() + "/invoices/pay 2>&1")
          .c_str(),
      "r");
  ASSERT_NE(curl, nullptr);
  std::vector<std::string> lines;
  for (char line[1000]; std::fgets(line, sizeof line, curl) != nullptr;) lines.emplace_back(line);
  EXPECT_EQ(pclose(curl), 0);

  ASSERT_GE(lines.size(), 6U);
  ASSERT_EQ(lines.size() % 3, 0U) << "two lines for each event, and an empty one";
  std::int64_t paid = 0;
  for (std::size_t i = 0; i < lines.size(); i += 3) {
    const bool is_last = i + 3 == lines.size();
    EXPECT_EQ(lines[i], is_last ? "event: end\n" : "event: progress\n");
    ASSERT_TRUE(lines[i + 1].starts_with("data: {")) << lines[i + 1];
    const json counts = json::parse(lines[i + 1].substr(6));
    EXPECT_EQ(counts["Paid"].get<int>() + counts["Pending"].get<int>(), kInvoices);
    EXPECT_GE(counts["Paid"], paid);
    paid = counts["Paid"];
    if (i == 0) {
      EXPECT_EQ(paid, 0);
    }
    if (is_last) {
      EXPECT_EQ(counts["End"], "settled");
    }
  }
  EXPECT_EQ(paid, kInvoices);
  EXPECT_EQ(difference(invoices(*app), payments(*provider)), "");
}

TEST_P(PayEvents, TheStreamOutlastsAnOutageOfTheProvider) {
  const ReservedPort port;
  const auto app = start_invoice_app(port.url(), {{"PAY_WAIT_SECONDS", "1"}});
  RawClient client = subscribe(*app);
  json counts;
  while (counts.is_null() || (counts.is_object() && !counts.contains("ProviderUnavailable"))) {
    counts = next_event(client, "progress");
  }
  EXPECT_EQ(counts["Pending"], 3) << counts;
  // Longer than PAY_WAIT_SECONDS.
  EXPECT_FALSE(client.sees_close(std::chrono::milliseconds(1500)));

  const auto provider = start_provider({{"PORT", std::to_string(port.number())}});
  const json end = next_event(client, "end");
  EXPECT_EQ(end["Paid"], 3) << end;
  EXPECT_EQ(end["End"], "settled");
  EXPECT_TRUE(client.read_through("\r\n0\r\n\r\n")) << "the response is complete";
  EXPECT_EQ(difference(kSeedUnpaid, payments(*provider)), "");
}

TEST_P(PayEvents, TheRunGoesOnIfTheClientIsGone) {
  const ReservedPort port;
  const auto app = start_invoice_app(port.url());
  {
    RawClient closed = subscribe(*app);
    RawClient reset = subscribe(*app);
    reset.reset();
  }
  const auto provider = start_provider({{"PORT", std::to_string(port.number())}});
  EXPECT_TRUE(all_get_paid(app->url()));
  EXPECT_EQ(difference(kSeedUnpaid, payments(*provider)), "");
}

TEST_P(PayEvents, AStopEndsTheStreamAndPaymentContinuesElsewhere) {
  const ReservedPort port;
  const auto app = start_invoice_app(port.url());
  const auto other = start_invoice_app(port.url());
  std::vector<RawClient> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(subscribe(*app));
  app->signal(SIGTERM);
  for (RawClient& client : clients) {
    const json end = next_event(client, "end");
    EXPECT_EQ(end["End"], "stopping") << end;
    EXPECT_EQ(end["Pending"], 3);
    EXPECT_TRUE(client.read_through("\r\n0\r\n\r\n")) << "the response is complete";
    EXPECT_TRUE(client.sees_close());
  }
  EXPECT_EQ(app->wait(), 0);

  const auto provider = start_provider({{"PORT", std::to_string(port.number())}});
  EXPECT_TRUE(all_get_paid(other->url()));
  EXPECT_EQ(difference(kSeedUnpaid, payments(*provider)), "");
}

}  // namespace
}  // namespace tests
