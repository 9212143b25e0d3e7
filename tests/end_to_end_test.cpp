// Both programs as users run them: processes of their own, databases on disk, real sockets.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "common/http/tcp.h"
#include "tests/support/api.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_provider.h"
#include "tests/support/service_process.h"

namespace tests {
namespace {

using nlohmann::json;

const json kSeedUnpaid = json::parse(R"([
    {"InvoiceId": "I1", "Value": 12.15, "Currency": "EUR", "IsPaid": false},
    {"InvoiceId": "I2", "Value": 10.25, "Currency": "GBP", "IsPaid": false},
    {"InvoiceId": "I3", "Value": 66.13, "Currency": "DKK", "IsPaid": false}])");

json all_paid(json invoices) {
  for (json& invoice : invoices) invoice["IsPaid"] = true;
  return invoices;
}

class EndToEnd : public testing::Test {
 protected:
  std::unique_ptr<ServiceProcess> start(const std::string& name, const std::string& binary,
                                        Variables environment) {
    auto process = std::make_unique<ServiceProcess>(binary, std::move(environment),
                                                    directory_ / (name + ".log"));
    process->await_ready();
    return process;
  }

  std::unique_ptr<ServiceProcess> start_provider(Variables environment = {}) {
    environment.try_emplace("DATABASE_URL", database("payments"));
    return start("payment-provider", PAYMENT_PROVIDER_BINARY, std::move(environment));
  }

  std::unique_ptr<ServiceProcess> start_invoice_app(const std::string& provider_url,
                                                    Variables environment = {}) {
    environment.try_emplace("DATABASE_URL", database("invoices"));
    environment.try_emplace("PAYMENT_PROVIDER_URL", provider_url);
    return start("invoice-app", INVOICE_APP_BINARY, std::move(environment));
  }

  std::string database(const std::string& name) const {
    return "sqlite:" + (directory_ / (name + ".db")).string();
  }

  static json invoices(const ServiceProcess& app) { return get_json(app.url(), "/invoices"); }
  static json payments(const ServiceProcess& provider) {
    return get_json(provider.url(), "/payments");
  }
  static common::HttpResult pay(const ServiceProcess& app) {
    return patient_client(app.url()).post("/invoices/pay", {}, "", "");
  }

  const TemporaryDirectory directory_;
};

TEST_F(EndToEnd, OneCallPaysEveryInvoiceOnce) {
  const auto provider = start_provider();
  const auto app = start_invoice_app(provider->url());
  EXPECT_EQ(invoices(*app), kSeedUnpaid);
  EXPECT_EQ(payments(*provider), json::array());

  const auto reply = expect_status(pay(*app), 200);
  EXPECT_EQ(json::parse(reply.body), json::parse(R"({"Paid": 3, "Refused": 0, "Pending": 0})"));

  EXPECT_EQ(invoices(*app), all_paid(kSeedUnpaid));
  const json ledger = payments(*provider);
  EXPECT_EQ(difference(kSeedUnpaid, ledger), "");

  const auto again = expect_status(pay(*app), 200);
  EXPECT_EQ(json::parse(again.body), json::parse(R"({"Paid": 0, "Refused": 0, "Pending": 0})"));
  EXPECT_EQ(payments(*provider), ledger);
}

TEST_F(EndToEnd, ARequestIdIsPassedOnToTheProviderAndReturned) {
  const auto provider = start_provider();
  const auto app = start_invoice_app(provider->url());
  const auto reply = expect_status(
      patient_client(app->url()).post("/invoices/pay", {{"X-Request-Id", "trace-me"}}, "", ""),
      200);
  EXPECT_EQ(reply.header("X-Request-Id"), "trace-me");
  EXPECT_NE(app->log().find("trace-me"), std::string::npos);
  EXPECT_NE(provider->log().find("trace-me"), std::string::npos);
}

TEST_F(EndToEnd, PayingThreeInvoicesWithoutABodyIsAnsweredAtOnce) {
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
  EXPECT_LT(seconds, 1.0);  // a server that waits for a body takes its whole time limit
}

TEST_F(EndToEnd, ProbesAndMetricsHaveAPortOfTheirOwn) {
  const auto provider = start_provider();
  const auto app = start_invoice_app(provider->url());
  expect_status(pay(*app), 200);
  for (const ServiceProcess* service : {provider.get(), app.get()}) {
    auto admin = patient_client(service->admin_url());
    for (const char* path : {"/livez", "/readyz", "/metrics"}) {
      expect_status(admin.get(path), 200);
      expect_status(patient_client(service->url()).get(path), 404);
    }
  }
  const auto metrics = expect_status(patient_client(app->admin_url()).get("/metrics"), 200);
  EXPECT_NE(metrics.body.find("invoice_payment_attempts_total{outcome=\"paid\"} 3"),
            std::string::npos)
      << metrics.body;
}

struct Misbehaviour {
  const char* name;
  FakeProvider::Answer answer;
  bool is_refusal = false;
};

void PrintTo(const Misbehaviour& misbehaviour, std::ostream* out) { *out << misbehaviour.name; }

FakeProvider::Answer always(const std::string& bytes) {
  return [bytes](const FakeProvider::Request&) { return bytes; };
}

class Misbehaving : public EndToEnd, public testing::WithParamInterface<Misbehaviour> {};

TEST_P(Misbehaving, NothingIsEverPaid) {
  FakeProvider provider(GetParam().answer);
  const auto app = start_invoice_app(provider.url(), {{"PAY_WAIT_SECONDS", "1"}});
  const auto result = pay(*app);
  const auto* reply = std::get_if<common::HttpReply>(&result);
  ASSERT_NE(reply, nullptr);
  const json report = json::parse(reply->body);
  EXPECT_EQ(report["Paid"], 0);
  if (GetParam().is_refusal) {
    EXPECT_EQ(reply->status, 502);
    EXPECT_EQ(report["Refused"], 3);
  } else {
    EXPECT_TRUE(reply->status == 202 || reply->status == 503) << reply->status;
    EXPECT_EQ(report["Pending"], 3);
  }
  EXPECT_GE(provider.requests().size(), 1U);
  EXPECT_EQ(invoices(*app), kSeedUnpaid);

  // A call that takes long may end after the answer.
  const std::string outcome = GetParam().is_refusal ? "refused" : "unknown";
  const auto metrics = [&] {
    return expect_status(patient_client(app->admin_url()).get("/metrics"), 200).body;
  };
  EXPECT_TRUE(eventually([&] {
    return metrics().find("attempts_total{outcome=\"" + outcome + "\"} 0") == std::string::npos;
  }));
  EXPECT_NE(metrics().find("attempts_total{outcome=\"paid\"} 0"), std::string::npos);
  const char* word = GetParam().is_refusal ? "refused" : "outcome of a payment unknown";
  EXPECT_TRUE(eventually([&] { return app->log().find(word) != std::string::npos; })) << app->log();
}

TEST_P(Misbehaving, EverythingIsPaidOnceTheProviderBehaves) {
  FakeProvider provider(GetParam().answer);
  const auto app = start_invoice_app(provider.url(), {{"PAY_WAIT_SECONDS", "1"}});
  ASSERT_TRUE(std::holds_alternative<common::HttpReply>(pay(*app)));
  provider.set_answer(accepted);
  // What is refused waits for somebody to ask again; what is unknown is finished by itself.
  if (GetParam().is_refusal) expect_status(pay(*app), 200);
  EXPECT_TRUE(all_get_paid(app->url()));
  EXPECT_EQ(invoices(*app), all_paid(kSeedUnpaid));
}

INSTANTIATE_TEST_SUITE_P(
    Provider, Misbehaving,
    testing::Values(
        Misbehaviour{"RefusesWith400",
                     always(http_answer("400 Bad Request", "application/problem+json",
                                        R"({"detail":"no such account"})")),
                     true},
        Misbehaviour{"Answers500",
                     always(http_answer("500 Internal Server Error", "text/plain", "oops"))},
        Misbehaviour{"Answers503", always(http_answer("503 Service Unavailable", "application/json",
                                                      R"({"id":"I1"})"))},
        Misbehaviour{"Answers401", always(http_answer("401 Unauthorized", "text/plain", ""))},
        Misbehaviour{"Redirects", always(http_answer("307 Temporary Redirect", "text/plain", "",
                                                     "Location: http://127.0.0.1:1/\r\n"))},
        Misbehaviour{"AnswersHtmlAs200", always(http_answer("200 OK", "text/html",
                                                            "<html>Welcome to the proxy</html>"))},
        Misbehaviour{"AnswersHtmlAs400", always(http_answer("400 Bad Request", "text/html",
                                                            "<html>Bad request</html>"))},
        Misbehaviour{"AnswersForAnotherInvoice",
                     always(http_answer("200 OK", "application/json", R"({"id":"I9"})"))},
        Misbehaviour{"AnswersWithAnIdThatIsNoString",
                     always(http_answer("200 OK", "application/json", R"({"id":1})"))},
        Misbehaviour{"AnswersBrokenJson",
                     always(http_answer("200 OK", "application/json", R"({"id":"I1")"))},
        Misbehaviour{"Answers204", always("HTTP/1.1 204 No Content\r\n\r\n")},
        Misbehaviour{"AnswersAnEmpty200", always(http_answer("200 OK", "application/json", ""))},
        Misbehaviour{"ClosesWithoutAWord", always("")},
        Misbehaviour{"AnswersNoHttp", always("SSH-2.0-OpenSSH_9.2\r\n")},
        Misbehaviour{"StopsInTheHead", always("HTTP/1.1 200 OK\r\nContent-Ty")},
        Misbehaviour{"StopsInTheBody",
                     always("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                            "Content-Length: 11\r\n\r\n{\"id\":")},
        Misbehaviour{
            "AnswersFarTooMuch",
            always(http_answer("200 OK", "application/json",
                               R"({"id":"I1","x":")" + std::string(1'000'000, 'x') + R"("})"))}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(EndToEnd, AProviderThatIsAwayGets503AndWhenItIsBackEverythingIsPaidWithoutAnotherCall) {
  auto provider = start_provider();
  const std::string url = provider->url();
  const std::string port = std::to_string(provider->port());
  const auto app = start_invoice_app(url);
  ASSERT_EQ(provider->stop(), 0);

  const auto reply = expect_status(pay(*app), 503);
  EXPECT_NE(reply.header("Retry-After"), "");
  EXPECT_EQ(reply.header("Content-Type"), "application/problem+json");
  EXPECT_EQ(json::parse(reply.body)["Pending"], 3);
  EXPECT_EQ(invoices(*app), kSeedUnpaid);

  provider = start_provider({{"PORT", port}});
  EXPECT_TRUE(all_get_paid(app->url()));
  EXPECT_EQ(difference(kSeedUnpaid, payments(*provider)), "");
}

// Gone: nobody listens on its port. Silent: connections are made, and nothing is ever answered.
enum class Absence { kGone, kSilent };

class AwayInTheMiddleOfARun : public EndToEnd, public testing::WithParamInterface<Absence> {
 protected:
  static constexpr int kInvoices = 2000;

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
      const std::string port = std::to_string(provider_->port());
      provider_ = start_provider({{"PORT", port}});
    }
  }

  std::unique_ptr<ServiceProcess> provider_;
};

TEST_P(AwayInTheMiddleOfARun, ForTenSecondsItGets202Or503AndAllIsPaidFiveSecondsAfterItIsBack) {
  constexpr std::chrono::seconds kAway(10);
  constexpr std::chrono::seconds kPaidAfter(5 * kSlowdown);
  provider_ = start_provider();
  const auto app = start_invoice_app(provider_->url(), {{"SEED_INVOICES", "false"}});
  add_invoices(app->url(), "A", kInvoices);
  std::optional<common::HttpResult> result;
  std::thread caller([&] { result = pay(*app); });
  ASSERT_TRUE(eventually([&] { return !payments(*provider_).empty(); }));
  take_away();
  const auto away_since = std::chrono::steady_clock::now();
  const json then = invoices(*app);
  const auto is_paid = [](const json& invoice) { return invoice["IsPaid"] == true; };
  ASSERT_FALSE(std::all_of(then.begin(), then.end(), is_paid)) << "not in the middle of the run";

  caller.join();
  EXPECT_LT(std::chrono::steady_clock::now() - away_since, kAway);
  const auto* reply = std::get_if<common::HttpReply>(&*result);
  ASSERT_NE(reply, nullptr) << std::get<common::HttpFailure>(*result).message;
  EXPECT_TRUE(reply->status == 202 || reply->status == 503) << reply->status;
  EXPECT_GT(json::parse(reply->body)["Pending"], 0);

  std::this_thread::sleep_until(away_since + kAway);  // being away for long is what is tested
  bring_back();
  EXPECT_TRUE(all_get_paid(app->url(), kPaidAfter));
  EXPECT_EQ(difference(invoices(*app), payments(*provider_)), "");
}

INSTANTIATE_TEST_SUITE_P(Provider, AwayInTheMiddleOfARun,
                         testing::Values(Absence::kGone, Absence::kSilent), [](const auto& test) {
                           return test.param == Absence::kGone ? "Gone" : "Silent";
                         });

// Three of each on two databases, as Kubernetes runs them; each invoice-app calls another provider.
class Replicas : public EndToEnd {
 protected:
  static constexpr std::size_t kReplicas = 3;

  void SetUp() override {
    for (std::size_t i = 0; i < kReplicas; ++i) {
      const std::string number = std::to_string(i);
      providers_.push_back(start("payment-provider-" + number, PAYMENT_PROVIDER_BINARY,
                                 {{"DATABASE_URL", database("payments")}}));
      apps_.push_back(start("invoice-app-" + number, INVOICE_APP_BINARY,
                            {{"DATABASE_URL", database("invoices")},
                             {"PAYMENT_PROVIDER_URL", providers_.back()->url()},
                             {"PAY_WAIT_SECONDS", "100"},  // sanitizers are slow
                             {"SEED_INVOICES", "false"}}));
    }
  }

  // What all replicas have counted of a metric, named with its labels.
  static std::int64_t sum(const std::vector<std::unique_ptr<ServiceProcess>>& services,
                          const std::string& metric) {
    std::int64_t all = 0;
    for (const auto& service : services) {
      const auto reply = expect_status(patient_client(service->admin_url()).get("/metrics"), 200);
      const std::size_t found = reply.body.find(metric + ' ');
      if (found == std::string::npos) throw std::runtime_error("no " + metric);
      all += std::stoll(reply.body.substr(found + metric.size()));
    }
    return all;
  }

  std::vector<std::unique_ptr<ServiceProcess>> providers_;
  std::vector<std::unique_ptr<ServiceProcess>> apps_;
};

TEST_F(Replicas, ConcurrentCallsShareTheWorkAndEachWaitsForWhatWasDueWhenItBegan) {
  constexpr int kInvoices = 3000;
  constexpr std::size_t kCallers = 6;
  add_invoices(apps_[0]->url(), "W", kInvoices);
  std::vector<std::thread> callers;
  for (std::size_t i = 0; i < kCallers; ++i) {
    callers.emplace_back([this, i] {
      const json report = json::parse(expect_status(pay(*apps_[i % kReplicas]), 200).body);
      EXPECT_EQ(report["Pending"], 0);
      // Whichever replica is asked: all that was due is paid by the time of the answer.
      const json listed = invoices(*apps_[(i + 1) % kReplicas]);
      EXPECT_EQ(listed, all_paid(listed));
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(difference(invoices(*apps_[0]), payments(*providers_[0])), "");
  // Shared: nobody sent what another had.
  EXPECT_EQ(sum(apps_, R"(invoice_payment_attempts_total{outcome="paid"})"), kInvoices);
}

TEST_F(Replicas, AClientThatHangsUpChangesNothing) {
  constexpr int kInvoices = 3000;
  add_invoices(apps_[0]->url(), "H", kInvoices);
  for (const auto& app : apps_) {
    common::HttpClient impatient(
        {.base_url = app->url(), .call_timeout = std::chrono::milliseconds(5)});
    EXPECT_TRUE(
        std::holds_alternative<common::HttpFailure>(impatient.post("/invoices/pay", {}, "", "")));
  }
  EXPECT_TRUE(all_get_paid(apps_[0]->url()));
  const json ledger = payments(*providers_[0]);
  for (const auto& app : apps_) {
    EXPECT_EQ(difference(invoices(*app), ledger), "");
    const json again = json::parse(expect_status(pay(*app), 200).body);
    EXPECT_EQ(again, json::parse(R"({"Paid": 0, "Refused": 0, "Pending": 0})"));
  }
  EXPECT_EQ(payments(*providers_[0]), ledger);
}

TEST_F(EndToEnd, TwoInvoiceAppsOnOneDatabaseTellTheSameTruth) {
  constexpr int kInvoices = 2000;
  const auto provider = start_provider();
  const auto one = start_invoice_app(provider->url(), {{"SEED_INVOICES", "false"}});
  const auto other = start_invoice_app(provider->url(), {{"SEED_INVOICES", "false"}});
  add_invoices(one->url(), "T", kInvoices);
  EXPECT_EQ(invoices(*one), invoices(*other));

  // While both pay: what one has listed as paid, the other lists as paid from then on.
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    while (!stop) {
      const json before = invoices(*one);
      const json after = invoices(*other);
      EXPECT_EQ(before.size(), after.size());
      for (std::size_t i = 0; i < before.size(); ++i) {
        EXPECT_TRUE(before[i]["IsPaid"] == false || after[i]["IsPaid"] == true) << after[i];
      }
    }
  });
  std::thread caller([&] { expect_status(pay(*one), 200); });
  expect_status(pay(*other), 200);
  // The answer came from the other one; this one has the same to say at once.
  const json paid = invoices(*one);
  caller.join();
  stop = true;
  reader.join();

  EXPECT_EQ(paid.size(), static_cast<std::size_t>(kInvoices));
  EXPECT_EQ(paid, all_paid(paid));
  EXPECT_EQ(difference(paid, payments(*provider)), "");
}

TEST_F(EndToEnd, ARestartKeepsEverything) {
  auto provider = start_provider();
  auto app = start_invoice_app(provider->url());
  expect_status(pay(*app), 200);
  add_invoices(app->url(), "R", 1);
  const json before = invoices(*app);
  const json ledger = payments(*provider);

  ASSERT_EQ(app->stop(), 0);
  ASSERT_EQ(provider->kill(), -SIGKILL);
  provider = start_provider();
  app = start_invoice_app(provider->url());
  EXPECT_EQ(invoices(*app), before);
  EXPECT_EQ(payments(*provider), ledger);
}

TEST_F(EndToEnd, StoppedInTheMiddleOfARunItEndsCleanlyAndAnotherFinishesTheWork) {
  constexpr int kInvoices = 3000;
  const auto provider = start_provider();
  auto app = start_invoice_app(provider->url(), {{"SEED_INVOICES", "false"}});
  add_invoices(app->url(), "S", kInvoices);
  std::optional<common::HttpResult> result;
  std::thread caller([&] { result = pay(*app); });
  ASSERT_TRUE(eventually([&] { return !payments(*provider).empty(); }));
  EXPECT_EQ(app->stop(), 0);
  caller.join();
  const auto* reply = std::get_if<common::HttpReply>(&*result);
  ASSERT_NE(reply, nullptr) << std::get<common::HttpFailure>(*result).message;
  EXPECT_TRUE(reply->status == 200 || reply->status == 202) << reply->status;

  app = start_invoice_app(provider->url(), {{"SEED_INVOICES", "false"}});
  EXPECT_TRUE(all_get_paid(app->url()));
  EXPECT_EQ(difference(invoices(*app), payments(*provider)), "");
}

TEST_F(EndToEnd, StoppedUnderLoadItFinishesTheRequestsThatItTook) {
  auto provider = start_provider();
  std::atomic<int> answered = 0;
  std::atomic<int> not_answered = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&, i] {
      auto client = patient_client(provider->url());
      for (int j = 0;; ++j) {
        const std::string id = "L" + std::to_string(i) + "-" + std::to_string(j);
        const auto result = client.post("/payments/pay", {},
                                        json{{"id", id}, {"value", 1}, {"currency", "EUR"}}.dump());
        if (const auto* failure = std::get_if<common::HttpFailure>(&result)) {
          // A request on a kept-alive connection may cross with the server's closing it.
          not_answered += failure->kind == common::HttpFailure::Kind::kNoAnswer ? 1 : 0;
          return;
        }
        EXPECT_EQ(std::get<common::HttpReply>(result).status, 200);
        ++answered;
      }
    });
  }
  ASSERT_TRUE(eventually([&] { return answered >= 100; }));
  EXPECT_EQ(provider->stop(), 0);
  for (std::thread& client : clients) client.join();

  provider = start_provider();
  const int recorded = static_cast<int>(payments(*provider).size());
  EXPECT_GE(recorded, answered);
  EXPECT_LE(recorded, answered + not_answered);
  EXPECT_EQ(not_answered, 0);
}

TEST_F(EndToEnd, TheTokenKeepsOthersOut) {
  const std::string token_file = directory_ / "token";
  std::ofstream(token_file) << "s3cret-token-of-this-test\n";
  const auto provider = start_provider({{"PROVIDER_TOKEN_FILE", token_file}});
  auto stranger = patient_client(provider->url());
  EXPECT_EQ(expect_status(stranger.get("/payments"), 401).header("WWW-Authenticate"), "Bearer");
  expect_status(stranger.post("/payments/pay", {}, R"({"id":"I1","value":1,"currency":"EUR"})"),
                401);

  auto app = start_invoice_app(provider->url(), {{"PAY_WAIT_SECONDS", "1"}});
  const auto without = pay(*app);
  EXPECT_EQ(json::parse(std::get<common::HttpReply>(without).body)["Pending"], 3);
  EXPECT_EQ(invoices(*app), kSeedUnpaid);
  app->stop();

  app = start_invoice_app(provider->url(), {{"PROVIDER_TOKEN_FILE", token_file}});
  EXPECT_TRUE(all_get_paid(app->url()));
  for (const ServiceProcess* service : {provider.get(), app.get()}) {
    EXPECT_EQ(service->log().find("s3cret"), std::string::npos);
  }
}

TEST_F(EndToEnd, APortThatIsTakenEndsTheStartWithStatus1AndItsNumber) {
  const common::TcpListener taken("0.0.0.0", 0);
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
