// Both programs on storage in trouble: what the tests for each kind of database have in common.

#ifndef TESTS_SUPPORT_STORAGE_FAULTS_FIXTURE_H_
#define TESTS_SUPPORT_STORAGE_FAULTS_FIXTURE_H_

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <variant>
#include <vector>

#include "tests/support/api.h"
#include "tests/support/eventually.h"
#include "tests/support/service_process.h"

namespace tests {

using Ids = std::vector<std::string>;

struct Program {
  const char* name;
  const char* binary;
  const char* write_path;
  const char* list_path;
  const char* id;  // the names of what is written
  const char* value;
  const char* currency;
};

extern const Program kInvoiceApp;
extern const Program kPaymentProvider;

inline std::ostream& operator<<(std::ostream& out, const Program& program) {
  return out << program.name;
}
inline std::string name_of(const testing::TestParamInfo<Program>& info) { return info.param.name; }

// Probes of Kubernetes and calls of invoice-app time out after 5 s. A request waits for a lock for
// up to 3 s. If many requests waited one after the other, they would need more than
// the limits of these tests; a correct program needs a fifth of them.
inline constexpr std::chrono::seconds kInTime{15};

inline std::chrono::seconds taken_by(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begin);
}

// `location()` is what messages say of the database.
class StorageFaultsFixture : public testing::TestWithParam<Program> {
 protected:
  virtual std::string database_url() const = 0;
  virtual std::string location() const = 0;

  // Starts the program, or a script that does.
  void start(const std::string& binary) {
    process_ = std::make_unique<ServiceProcess>(
        binary, Variables{{"DATABASE_URL", database_url()}, {"SEED_INVOICES", "false"}},
        directory_ / "log");
  }
  void start_and_write() {
    start(GetParam().binary);
    process_->await_ready();
    ASSERT_TRUE(write("before"));
  }

  static int status(const common::HttpResult& result) {
    const auto* reply = std::get_if<common::HttpReply>(&result);
    return reply == nullptr ? 0 : reply->status;
  }

  common::HttpResult post(const std::string& id) const {
    return patient_client(process_->url())
        .post(
            GetParam().write_path, {},
            nlohmann::json{{GetParam().id, id}, {GetParam().value, 1}, {GetParam().currency, "EUR"}}
                .dump());
  }
  // Whether it was accepted.
  bool write(const std::string& id) const { return status(post(id)) / 100 == 2; }
  common::HttpResult list() const {
    return patient_client(process_->url()).get(GetParam().list_path);
  }
  Ids ids() const {
    Ids ids;
    for (const nlohmann::json& element : get_json(process_->url(), GetParam().list_path)) {
      ids.push_back(element[GetParam().id]);
    }
    return ids;
  }

  // As a probe asks.
  common::HttpResult probe(const std::string& path) const {
    return common::HttpClient({.base_url = process_->admin_url(), .call_timeout = kInTime})
        .get(path);
  }
  bool is_ready() const { return status(probe("/readyz")) == 200; }

  // Once, and in time: 503 with its reason.
  void expect_not_ready() const {
    const auto reply = expect_status(probe("/readyz"), 503);
    EXPECT_EQ(reply.header("Content-Type"), "application/problem+json");
    EXPECT_NE(reply.body.find(location()), std::string::npos) << reply.body;
  }
  static void expect_unavailable(const common::HttpResult& result) {
    ASSERT_EQ(status(result), 503);
    const auto& reply = std::get<common::HttpReply>(result);
    EXPECT_EQ(reply.header("Content-Type"), "application/problem+json");
    EXPECT_EQ(reply.header("Retry-After"), "1");
  }

  // Everything that was answered is there, nothing else is, and more can be written.
  void expect_recovery(Ids expected) const {
    EXPECT_TRUE(eventually([this] { return is_ready(); }));
    EXPECT_EQ(ids(), expected);
    EXPECT_TRUE(write("after"));
    expected.emplace_back("after");
    EXPECT_EQ(ids(), expected);
  }

  const TemporaryDirectory directory_;
  std::unique_ptr<ServiceProcess> process_;
};

}  // namespace tests

#endif  // TESTS_SUPPORT_STORAGE_FAULTS_FIXTURE_H_
