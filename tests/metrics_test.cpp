// The metrics of both programs, as Prometheus gets them.

#include <SQLiteCpp/Database.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/support/api.h"
#include "tests/support/end_to_end_fixture.h"
#include "tests/support/service_process.h"

namespace tests {
namespace {

class Metrics : public EndToEnd {
 protected:
  static std::string text(const ServiceProcess& service) {
    return expect_status(patient_client(service.admin_url()).get("/metrics"), 200).body;
  }
  static void expect_lines(const std::string& text, const std::vector<std::string>& begins) {
    for (const std::string& begin : begins) {
      EXPECT_NE(text.find('\n' + begin), std::string::npos) << begin << " is not in\n" << text;
    }
  }
  // What promtool finds; "" if nothing.
  std::string check(const std::string& text) const {
    std::ofstream(directory_ / "metrics") << text;
    const std::string found = directory_ / "found";
    const int status = std::system(
        ("promtool check metrics <" + (directory_ / "metrics").string() + " >" + found + " 2>&1")
            .c_str());
    std::ifstream file(found);
    const std::string findings((std::istreambuf_iterator<char>(file)), {});
    return status == 0 ? findings : "promtool failed: " + findings;
  }
};

TEST_F(Metrics, PromtoolHasNoFindings) {
  const auto provider = start_provider();
  const auto app = start_invoice_app(provider->url());
  expect_status(pay(*app), 200);
  for (const ServiceProcess* service : {provider.get(), app.get()}) {
    const std::string metrics = text(*service);
    EXPECT_EQ(check(metrics), "") << metrics;
  }
}

TEST_F(Metrics, DescribeWhatBothProgramsDid) {
  const auto provider = start_provider();
  const auto app = start_invoice_app(provider->url());
  expect_status(pay(*app), 200);
  // 3 claims and 3 settlements. The response may be faster than the metric.
  const char* rows = "\ndatabase_commit_rows_sum{transaction=\"pay\"} 6\n";
  EXPECT_TRUE(eventually([&] { return text(*app).find(rows) != std::string::npos; }));
  expect_lines(text(*app),
               {R"(http_requests_total{code="200",method="POST",path="/invoices/pay"} 1)",
                R"(http_requests_total{code="502",method="POST",path="/invoices/pay"} 0)",
                R"(invoice_app_invoices{currency="EUR",status="paid"} 1)",
                R"(invoice_app_invoices{currency="EUR",status="unpaid"} 0)",
                "invoice_app_oldest_due_invoice_age_seconds 0", "invoice_payment_retries_total 0",
                "invoice_payment_calls_in_flight 0", R"(http_workers_busy{listener="public"} )",
                R"(invoice_app_build_info{version=")", "process_resident_memory_bytes ",
                "database_filesystem_avail_bytes ", "database_filesystem_size_bytes ",
                "log_lines_dropped_total 0"});
  expect_lines(text(*provider),
               {R"(http_requests_total{code="207",method="POST",path="/payments/batch"} 1)",
                R"(http_requests_total{code="401",method="POST",path="/payments/batch"} 0)",
                R"(database_commit_rows_sum{transaction="record"} 3)",
                R"(payment_provider_build_info{version=")", "process_cpu_seconds_total "});
}

TEST_F(Metrics, ThoseThatNeedAQueryAreMissingWhileTheDatabaseIsLocked) {
  const auto app = start_invoice_app("http://127.0.0.1:1");
  SQLite::Database other(directory_ / "invoices.db", SQLite::OPEN_READWRITE, 10'000);
  other.exec("BEGIN EXCLUSIVE");
  const std::string metrics = text(*app);
  EXPECT_EQ(metrics.find("invoice_app_invoices"), std::string::npos);
  expect_lines(metrics, {"process_threads ", "log_lines_dropped_total "});
  expect_status(patient_client(app->admin_url()).get("/livez"), 200);
  other.exec("ROLLBACK");
}

}  // namespace
}  // namespace tests
