// Both programs as users run them: processes of their own, databases on disk, real sockets.

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/api.h"
#include "tests/support/end_to_end_fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_provider.h"
#include "tests/support/raw_client.h"
#include "tests/support/reserved_port.h"
#include "tests/support/service_process.h"
#include "tests/support/sockets.h"

namespace tests {
namespace {

TEST_F(EndToEnd, ARequestIdIsPassedOnToTheProviderAndReturned) {
  const auto provider = start_provider();
  const auto app = start_invoice_app(provider->url());
  const auto reply = expect_status(
      patient_client(app->url()).post("/invoices/pay", {{"X-Request-Id", "trace-me"}}, "", ""),
      200);
  EXPECT_EQ(reply.header("X-Request-Id"), "trace-me");
  for (ServiceProcess* service : {app.get(), provider.get()}) {
    EXPECT_EQ(service->stop(), 0);  // writes the queued lines
    EXPECT_NE(service->log().find("trace-me"), std::string::npos);
  }
}

// The first line of the log with this message and trace.
json line_of(const ServiceProcess& service, const std::string& message, const std::string& trace) {
  std::istringstream log(service.log());
  for (std::string text; std::getline(log, text);) {
    json line = json::parse(text, nullptr, false);
    if (line.is_object() && line["message"] == message && line.value("trace_id", "") == trace) {
      return line;
    }
  }
  return json::object();
}

TEST_F(EndToEnd, ATraceGoesOnInTheCallToTheProvider) {
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const std::string caller_span = "00f067aa0ba902b7";
  const auto provider = start_provider();
  const auto app = start_invoice_app(provider->url());
  const common::HttpHeaders headers = {{"traceparent", "00-" + trace + '-' + caller_span + "-01"},
                                       {"tracestate", "congo=t61rcWkgMzE"}};
  const auto reply =
      expect_status(patient_client(app->url()).post("/invoices/pay", headers, "", ""), 200);
  EXPECT_EQ(app->stop(), 0);  // writes the queued lines
  EXPECT_EQ(provider->stop(), 0);

  json received = line_of(*app, "request", trace);
  json called = line_of(*provider, "request", trace);
  EXPECT_EQ(received["parent_span_id"], caller_span);
  EXPECT_EQ(line_of(*app, "payment run", trace)["span_id"], received["span_id"]);
  for (json* line : {&received, &called}) {
    EXPECT_EQ((*line)["request_id"], std::string(reply.header("X-Request-Id")));
    EXPECT_EQ((*line)["tracestate"], "congo=t61rcWkgMzE");
  }
  const std::set<json> spans = {caller_span, received["span_id"], called["parent_span_id"],
                                called["span_id"]};
  EXPECT_EQ(spans.size(), 4U) << "the call is a span of its own";
  EXPECT_FALSE(spans.contains(nullptr));
}

TEST_F(EndToEnd, ARequestWithoutATraceBeginsOneWithItsRequestId) {
  const auto provider = start_provider();
  const auto app = start_invoice_app(provider->url());
  const auto reply = expect_status(pay(*app), 200);
  const std::string id(reply.header("X-Request-Id"));
  for (ServiceProcess* service : {app.get(), provider.get()}) {
    EXPECT_EQ(service->stop(), 0);
    EXPECT_EQ(line_of(*service, "request", id)["request_id"], id);
  }
}

TEST_F(EndToEnd, PayingWithoutABodyIsAnsweredWithoutAWaitForABody) {
  const auto provider = start_provider();
  const auto app = start_invoice_app(provider->url());
  // What "curl -X POST" sends: a POST with neither Content-Length nor Transfer-Encoding.
  FILE* curl = popen(("curl -s -o /dev/null -w '%{http_code} %{time_total}' -X POST " + app->url() +
                      "/invoices/pay")
                         .c_str(),
                     "r");
  ASSERT_NE(curl, nullptr);
  int status = 0;
  double seconds = 0;
  EXPECT_EQ(std::fscanf(curl, "%d %lf", &status, &seconds), 2);
  pclose(curl);
  EXPECT_EQ(status, 200);
  EXPECT_LT(seconds, 5.0);  // a server that waits for a body takes its whole time limit, 10 s
}

TEST_F(EndToEnd, ProbesAndMetricsHaveAPortOfTheirOwn) {
  const auto provider = start_provider();
  const auto app = start_invoice_app(provider->url());
  expect_status(pay(*app), 200);
  for (const ServiceProcess* service : {provider.get(), app.get()}) {
    auto admin = patient_client(service->admin_url());
    for (const char* path : {"/livez", "/readyz", "/metrics"}) {
      expect_status(admin.get(path), 200);
      const bool is_public = path == std::string("/livez");
      expect_status(patient_client(service->url()).get(path), is_public ? 200 : 404);
    }
  }
  EXPECT_EQ(attempts(*app, "paid"), 3);
}

TEST_F(EndToEnd, TheProviderCanHaveAnIpv6Address) {
  if (!tests::has_ipv6()) GTEST_SKIP() << "no IPv6";
  const FakeProvider provider(accepted, "::1");
  const auto app = start_invoice_app(provider.url());
  expect_status(pay(*app), 200);
  EXPECT_EQ(invoices(*app), all_paid(kSeedUnpaid));
}

// Method, target and version; headers and body; the status of the response.
struct BadRequestRow {
  std::string line;
  std::string rest;
  int status;
};

// `list` allows GET, `create` POST of JSON.
std::vector<BadRequestRow> bad_requests(const std::string& list, const std::string& create) {
  const std::string json_body = "Content-Type: application/json\r\nContent-Length: ";
  const std::string post = "POST " + create + " HTTP/1.1";
  const std::string end = "\r\n";
  return {
      {"GET " + list + "?limit=0 HTTP/1.1", end, 400},
      {"GET " + list + "/ HTTP/1.1", end, 404},
      {"GET /%2F" + list.substr(1) + " HTTP/1.1", end, 404},
      {"GET " + list + "%2Fpay HTTP/1.1", end, 404},
      {"GET /%zz HTTP/1.1", end, 400},
      {"GET /%u0069nvoices HTTP/1.1", end, 400},
      {"DELETE " + list + " HTTP/1.1", end, 405},
      {"GET " + create + "x HTTP/1.1", end, 404},
      {"BREW " + list + " HTTP/1.1", end, 501},
      {"GET " + list + " HTTP/2.0", end, 505},
      {"GET  " + list + " HTTP/1.1", end, 400},
      {"GET " + list + " HTTP/1.0", "Host: again\r\n\r\n", 400},
      {post, json_body + "0\r\n\r\n", 400},
      {post, json_body + "99999999\r\n\r\n", 413},
      {post, json_body + "5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {post, "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 415},
      {post, "Content-Type: application/json; charset=latin1\r\nContent-Length: 2\r\n\r\n{}", 415},
      {"GET /" + std::string(40'000, 'x') + " HTTP/1.1", end, 414},
  };
}

TEST_F(EndToEnd, BadRequestsGetProblemsAndChangeNothing) {
  const auto provider = start_provider();
  const auto app = start_invoice_app(provider->url());
  const auto expect_problems = [](int port, const std::vector<BadRequestRow>& rows) {
    for (const BadRequestRow& row : rows) {
      const RawAnswer answer = RawClient(port).ask(row.line + "\r\nHost: test\r\n" + row.rest);
      EXPECT_EQ(answer.status, row.status) << row.line << row.rest << answer.body;
      EXPECT_EQ(answer.header("Content-Type"), "application/problem+json") << row.line;
      EXPECT_NE(answer.header("Date"), "") << row.line;
    }
  };
  expect_problems(app->port(), bad_requests("/invoices", "/invoices"));
  expect_problems(app->port(), {{"POST /invoices/pay?x HTTP/1.1", "\r\n", 400},
                                {"POST /invoices%2Fpay HTTP/1.1", "\r\n", 404},
                                {"GET /invoices/pay HTTP/1.1", "\r\n", 404}});
  expect_problems(provider->port(), bad_requests("/payments", "/payments/pay"));
  EXPECT_EQ(invoices(*app), kSeedUnpaid);
  EXPECT_EQ(payments(*provider), json::array());
}

TEST_F(EndToEnd, AProviderThatIsAwayGets503AndWhenItIsBackEverythingIsPaidWithoutAnotherCall) {
  const ReservedPort port;
  const auto app = start_invoice_app(port.url());

  const auto reply = expect_status(pay(*app), 503);
  EXPECT_NE(reply.header("Retry-After"), "");
  EXPECT_EQ(reply.header("Content-Type"), "application/problem+json");
  EXPECT_EQ(json::parse(reply.body)["Pending"], 3);
  EXPECT_EQ(invoices(*app), kSeedUnpaid);

  const auto provider = start_provider({{"PORT", std::to_string(port.number())}});
  EXPECT_TRUE(all_get_paid(app->url()));
  EXPECT_EQ(difference(kSeedUnpaid, payments(*provider)), "");
}

// Gone: nobody listens on its port. Silent: connections are made, and nothing is ever answered.
enum class Absence { kGone, kSilent };

class AwayInTheMiddleOfARun : public EndToEnd, public testing::WithParamInterface<Absence> {
 protected:
  void take_away() {
    if (GetParam() == Absence::kSilent) {
      provider_->signal(SIGSTOP);
    } else {
      ASSERT_EQ(provider_->kill(), -SIGKILL);
    }
  }

  void bring_back() {
    if (GetParam() == Absence::kSilent) {
      provider_->signal(SIGCONT);
    } else {
      start();
    }
  }

  void start() { provider_ = start_provider({{"PORT", std::to_string(port_.number())}}); }

  const ReservedPort port_;
  std::unique_ptr<ServiceProcess> provider_;
};

TEST_P(AwayInTheMiddleOfARun, ItGets503AndAllIsPaidOnceItIsBackWithoutAnotherCall) {
  constexpr int kInvoices = kSlowdown > 1 ? 10'000 : 40'000;  // so that the run lasts
  start();
  const auto app = start_invoice_app(
      port_.url(),
      {{"SEED_INVOICES", "false"}, {"PAY_WAIT_SECONDS", "200"}});  // 503 comes before its end
  add_invoices(app->url(), "A", kInvoices);
  auto call = std::async(std::launch::async, [&] { return pay(*app); });
  ASSERT_TRUE(eventually([&] { return !payments(*provider_).empty(); }));
  take_away();

  const auto reply = expect_status(call.get(), 503);
  EXPECT_GT(json::parse(reply.body)["Pending"], 0);
  EXPECT_GT(attempts(*app, "unknown"), 0);
  bring_back();
  EXPECT_TRUE(all_get_paid(app->url()));
  EXPECT_EQ(difference(invoices(*app), payments(*provider_)), "");
}

INSTANTIATE_TEST_SUITE_P(Provider, AwayInTheMiddleOfARun,
                         testing::Values(Absence::kGone, Absence::kSilent), [](const auto& test) {
                           return test.param == Absence::kGone ? "Gone" : "Silent";
                         });

std::string payment_request(const std::string& id) {
  const std::string body = json{{"id", id}, {"value", 1}, {"currency", "EUR"}}.dump();
  return "POST /payments/pay HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
         "Content-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

TEST_F(EndToEnd, StoppedUnderLoadItAnswersEveryRequestThatWasSentBefore) {
  constexpr int kRounds = 3;
  constexpr std::size_t kClients = 100;
  for (int round = 0; round < kRounds; ++round) {
    const auto provider = start_provider();
    std::vector<RawClient> clients;
    for (std::size_t i = 0; i < kClients; ++i) {
      clients.emplace_back(provider->port());
      if (i % 2 == 0) continue;  // half of the connections are new, half are kept ones
      EXPECT_EQ(clients.back().ask("GET / HTTP/1.1\r\nHost: test\r\n\r\n").status, 404);
    }
    ASSERT_TRUE(eventually([&] {
      return value(*provider, R"(http_connections_active{listener="public"})") == kClients;
    }));
    // It finds the requests and the stop at the same time; the main thread, which stops it, is
    // faster.
    provider->signal(SIGSTOP);
    for (const auto& task : std::filesystem::directory_iterator(
             "/proc/" + std::to_string(provider->pid()) + "/task")) {
      const int thread = std::stoi(task.path().filename());
      if (thread != provider->pid()) setpriority(PRIO_PROCESS, static_cast<id_t>(thread), 19);
    }
    for (std::size_t i = 0; i < kClients; ++i) {
      ASSERT_TRUE(
          clients[i].send(payment_request(std::to_string(round) + "-" + std::to_string(i))));
    }
    provider->signal(SIGTERM);
    provider->signal(SIGCONT);
    for (RawClient& client : clients) {
      EXPECT_EQ(client.read_answer().value_or(RawAnswer{}).status, 200);
      EXPECT_TRUE(client.sees_close());
    }
    EXPECT_EQ(provider->wait(), 0);
  }
  EXPECT_EQ(payments(*start_provider()).size(), kRounds * kClients);
}

TEST_F(EndToEnd, TheTokenKeepsOthersOut) {
  const std::string token_file = directory_ / "token";
  std::ofstream(token_file) << "s3cret-token-of-this-test\n";
  const auto provider = start_provider({{"PROVIDER_TOKEN_FILE", token_file}});
  auto stranger = patient_client(provider->url());
  EXPECT_EQ(expect_status(stranger.get("/payments"), 401).header("WWW-Authenticate"), "Bearer");
  expect_status(stranger.post("/payments/pay", {}, R"({"id":"I1","value":1,"currency":"EUR"})"),
                401);
  expect_status(stranger.get("/livez"), 200);  // for load balancers

  auto app = start_invoice_app(provider->url(), {{"PAY_WAIT_SECONDS", "1"}});
  const auto without = pay(*app);
  EXPECT_EQ(json::parse(std::get<common::HttpReply>(without).body)["Pending"], 3);
  EXPECT_EQ(invoices(*app), kSeedUnpaid);
  app->stop();

  app = start_invoice_app(provider->url(), {{"PROVIDER_TOKEN_FILE", token_file}});
  EXPECT_TRUE(all_get_paid(app->url()));
  for (ServiceProcess* service : {app.get(), provider.get()}) {
    EXPECT_EQ(service->stop(), 0);  // writes the queued lines
    EXPECT_EQ(service->log().find("s3cret"), std::string::npos);
  }
}

TEST_F(EndToEnd, APortThatIsTakenEndsTheStartWithStatus1AndItsNumber) {
  const Listener taken("0.0.0.0");
  const std::string port = std::to_string(taken.port());
  for (const char* binary : {INVOICE_APP_BINARY, PAYMENT_PROVIDER_BINARY}) {
    for (const char* variable : {"PORT", "ADMIN_PORT"}) {
      const TemporaryDirectory directory;  // each program has a database of its own
      ServiceProcess process(
          binary, {{"DATABASE_URL", "sqlite:" + (directory / "x.db").string()}, {variable, port}},
          directory / "x.log");
      EXPECT_EQ(process.wait(), 1);
      EXPECT_NE(process.log().find(port), std::string::npos) << process.log();
    }
  }
}

TEST_F(EndToEnd, ABadVariableEndsTheStartWithStatus2AndSaysWhatIsAccepted) {
  for (const char* binary : {INVOICE_APP_BINARY, PAYMENT_PROVIDER_BINARY}) {
    ServiceProcess process(binary, {{"PORT", "eighty"}}, directory_ / "bad.log");
    EXPECT_EQ(process.wait(), 2);
    for (const char* part : {"PORT", "eighty", "0", "65535"}) {
      EXPECT_NE(process.log().find(part), std::string::npos) << part << " in " << process.log();
    }
  }
}

TEST_F(EndToEnd, ADatabaseThatIsNoneRefusesTheStart) {
  std::ofstream(directory_ / "garbage.db") << std::string(10'000, 'g');
  for (const char* binary : {INVOICE_APP_BINARY, PAYMENT_PROVIDER_BINARY}) {
    ServiceProcess process(binary, {{"DATABASE_URL", database("garbage")}},
                           directory_ / "garbage.log");
    EXPECT_EQ(process.wait(), 1);
    EXPECT_NE(process.log().find("garbage.db"), std::string::npos) << process.log();
  }
}

struct CommandResult {
  int status;
  std::string output;
};

CommandResult run(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return {.status = -1, .output = "popen failed"};
  std::string output;
  std::array<char, 4096> buffer{};
  while (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) output += buffer.data();
  const int status = pclose(pipe);
  return {.status = WEXITSTATUS(status), .output = output};
}

TEST(CommandLine, HelpListsEveryVariableAndVersionIsOneLine) {
  for (const std::string binary : {INVOICE_APP_BINARY, PAYMENT_PROVIDER_BINARY}) {
    const auto help = run(binary + " --help");
    EXPECT_EQ(help.status, 0);
    for (const char* variable : {"PORT", "ADMIN_PORT", "DATABASE_URL", "PROVIDER_TOKEN_FILE",
                                 "LOG_LEVEL", "LOG_FORMAT", "HTTP_THREADS", "DRAIN_SECONDS"}) {
      EXPECT_NE(help.output.find(variable), std::string::npos) << variable;
    }
    const auto version = run(binary + " --version");
    EXPECT_EQ(version.status, 0);
    EXPECT_EQ(version.output.find('\n'), version.output.size() - 1) << version.output;
  }
}

TEST(CommandLine, AnUnknownArgumentIsAnError) {
  for (const std::string binary : {INVOICE_APP_BINARY, PAYMENT_PROVIDER_BINARY}) {
    EXPECT_EQ(run(binary + " --frobnicate").status, 2);
  }
}

}  // namespace
}  // namespace tests
