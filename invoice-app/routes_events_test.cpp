// POST /invoices/pay with Accept: text/event-stream.

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <chrono>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "invoice-app/pay_and_watch.h"
#include "invoice-app/routes.h"
#include "invoice-app/testing/fake_invoice_store.h"
#include "invoice-app/testing/fake_payment_gateways.h"
#include "invoice-app/testing/worker_options.h"
#include "tests/support/router_client.h"

namespace invoice_app {
namespace {

using common::HttpResponse;
using nlohmann::json;
using std::chrono::milliseconds;
using Call = FakeInvoiceStore::Call;

struct Event {
  std::string name;
  json data;
};

class InvoiceRoutesEvents : public testing::Test {
 protected:
  InvoiceRoutesEvents() { routes_.add_to(client_.router()); }

  HttpResponse pay(const std::string& accept = "text/event-stream") {
    return client_.send("POST", "/invoices/pay", {{"Accept", accept}}, "");
  }

  static std::optional<std::string> next_chunk(const HttpResponse& response) {
    const auto chunk = std::make_shared<std::promise<std::optional<std::string>>>();
    response.await_chunk([chunk](std::optional<std::string> next) { chunk->set_value(next); });
    return chunk->get_future().get();
  }

  // Nothing at the end of the stream.
  static std::optional<Event> next_event(const HttpResponse& response) {
    const auto chunk = next_chunk(response);
    if (!chunk) return std::nullopt;
    const std::string begin = "event: ";
    const std::size_t data = chunk->find("\ndata: ");
    EXPECT_TRUE(chunk->starts_with(begin) && data != std::string::npos) << *chunk;
    EXPECT_EQ(chunk->find('\n', data + 1), chunk->size() - 2) << "one line: " << *chunk;
    return Event{chunk->substr(begin.size(), data - begin.size()),
                 json::parse(chunk->substr(data + 7))};
  }

  // The last event of the stream. Progress comes before it.
  static json end_of(const HttpResponse& response) {
    while (const auto event = next_event(response)) {
      if (event->name == "progress") continue;
      EXPECT_EQ(event->name, "end");
      EXPECT_EQ(next_chunk(response), std::nullopt);
      return event->data;
    }
    return {};
  }

  FakeInvoiceStore store_;
  FakePaymentGateways gateways_;
  prometheus::Registry registry_;
  PayMetrics metrics_{registry_};
  const common::SystemClock clock_{};
  PaymentWorkers workers_{store_, gateways_.factory(), clock_, metrics_, worker_options()};
  PayInvoices pay_invoices_{store_, workers_};
  PayAndWatch pay_and_watch_{store_, workers_, {.interval = milliseconds(2)}};
  Routes routes_{store_, pay_invoices_, pay_and_watch_, {registry_, "add"}};
  tests::RouterClient client_;
};

TEST_F(InvoiceRoutesEvents, TheProgressFollowsUntilTheEnd) {
  gateways_.hold();
  store_.add_invoices(3);
  const HttpResponse response = pay();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "text/event-stream");
  EXPECT_EQ(tests::header(response, "Cache-Control"), "no-cache");
  EXPECT_EQ(next_chunk(response),
            "event: progress\ndata: {\"Paid\":0,\"Refused\":0,\"Pending\":3,\"Rate\":0}\n\n");
  gateways_.let_all_continue();
  json end = end_of(response);
  EXPECT_GT(end["Rate"], 0);
  end.erase("Rate");
  EXPECT_EQ(end, json::parse(R"({"Paid":3,"Refused":0,"Pending":0,"End":"settled"})"));
}

TEST_F(InvoiceRoutesEvents, NothingIsDueEndsAtOnce) {
  const HttpResponse response = pay();
  EXPECT_EQ(next_chunk(response),
            "event: end\ndata: {\"Paid\":0,\"Refused\":0,\"Pending\":0,\"Rate\":0,"
            "\"End\":\"settled\"}\n\n");
  EXPECT_EQ(next_chunk(response), std::nullopt);
}

TEST_F(InvoiceRoutesEvents, OthersGetOneReport) {
  for (const char* accept : {"*/*", "application/json", "text/*", "text/event-stream;q=0"}) {
    EXPECT_EQ(pay(accept).body, "{\"Paid\":0,\"Refused\":0,\"Pending\":0}\n") << accept;
  }
}

TEST_F(InvoiceRoutesEvents, AFailureOfTheProviderIsShownInOneLine) {
  const std::string failure = "HTTP 500:\r\n\nevent: end\ndata: \"<b>\"";
  gateways_.answer_with([&](const Claim&, int) -> PaymentAnswer {
    return {PaymentAnswer::Kind::kUnknown, failure};
  });
  store_.add_invoices(20);
  const HttpResponse response = pay();
  json data;
  while (!data.contains("ProviderUnavailable")) data = next_event(response).value().data;
  EXPECT_EQ(data["ProviderUnavailable"], failure);
  EXPECT_EQ(data["Pending"], 20);
  gateways_.answer_with(FakePaymentGateways::paid);
  EXPECT_EQ(end_of(response)["Paid"], 20);
}

TEST_F(InvoiceRoutesEvents, AStopEndsWithWhatIsPending) {
  gateways_.hold();
  store_.add_invoices(2);
  const HttpResponse response = pay();
  EXPECT_TRUE(next_chunk(response));
  pay_and_watch_.stop_watching();
  const json end = end_of(response);
  EXPECT_EQ(end["End"], "stopping");
  EXPECT_EQ(end["Pending"], 2);
  EXPECT_NE(end.value("Detail", ""), "");
  gateways_.let_all_continue();
}

TEST_F(InvoiceRoutesEvents, AnUnavailableStoreIs503) {
  store_.fail(Call::kRequestPayment);
  EXPECT_EQ(tests::problem(pay()), "503 about:blank");
}

}  // namespace
}  // namespace invoice_app
