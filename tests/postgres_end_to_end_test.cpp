// Both programs on a PostgreSQL server that asks for a password.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "tests/support/api.h"
#include "tests/support/end_to_end_fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/postgres_server.h"
#include "tests/support/temporary_directory.h"

namespace tests {
namespace {

// A server that trusts its superuser, and wants the password of every other role.
class ServerWithPasswords {
 public:
  ServerWithPasswords() { set_password("invoices_role", kPassword, "CREATE"); }

  // The URL of a new database of the role, as in a mounted secret.
  std::string create_database() {
    const std::string url = server_.create_database();
    const std::string name = url.substr(url.rfind('/') + 1);
    PostgresServer::execute(url, "ALTER DATABASE " + name + " OWNER TO invoices_role");
    return "postgresql://invoices_role:" + kPassword +
           "@127.0.0.1:" + std::to_string(server_.port()) + '/' + name;
  }

  // Also ends the role's connections.
  void change_password(const std::string& password) {
    set_password("invoices_role", password, "ALTER");
    PostgresServer::execute(server_.url("postgres"),
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                            "WHERE usename = 'invoices_role'");
  }

  inline static const std::string kPassword = "s3cret-of-this-test";

 private:
  void set_password(const std::string& role, const std::string& password,
                    const std::string& command) {
    PostgresServer::execute(server_.url("postgres"),
                            command + " ROLE " + role + " LOGIN PASSWORD '" + password + "'");
  }

  // The server's user must read it, who may be another one.
  std::string write_access_file() {
    std::filesystem::permissions(directory_ / "", std::filesystem::perms(0755));
    const std::filesystem::path file = directory_ / "pg_hba.conf";
    std::ofstream(file) << "host all postgres 127.0.0.1/32 trust\n"
                           "host all all 127.0.0.1/32 scram-sha-256\n";
    std::filesystem::permissions(file, std::filesystem::perms(0644));
    return file;
  }

  const TemporaryDirectory directory_;
  PostgresServer server_{{{"hba_file", write_access_file()}}};
};

class PasswordInAFile : public EndToEnd {
 protected:
  // Its name, with the URL in it.
  std::string write_url_file(const std::string& name, const std::string& url) const {
    std::string file = directory_ / name;
    std::ofstream(file) << url << '\n';
    return file;
  }

  static bool has_secret(const std::string& text) {
    return text.find(ServerWithPasswords::kPassword) != std::string::npos;
  }
  static void expect_unavailable(const common::HttpResult& result) {
    EXPECT_FALSE(has_secret(expect_status(result, 503).body));
  }
  static bool is_ready(const ServiceProcess& service) {
    const auto result = patient_client(service.admin_url()).get("/readyz");
    const auto* reply = std::get_if<common::HttpReply>(&result);
    return reply != nullptr && reply->status == 200;
  }

  ServerWithPasswords server_;
};

TEST_F(PasswordInAFile, IsUsedAndIsNeverShown) {
  // DATABASE_URL is replaced.
  const auto provider = start_provider(
      {{"LOG_LEVEL", "debug"},
       {"DATABASE_URL_FILE", write_url_file("payments", server_.create_database())}});
  const auto app = start_invoice_app(
      provider->url(),
      {{"LOG_LEVEL", "debug"},
       {"DATABASE_URL_FILE", write_url_file("invoices", server_.create_database())}});
  expect_status(pay(*app), 200);
  EXPECT_EQ(difference(kSeedUnpaid, payments(*provider)), "");

  server_.change_password("another");
  expect_unavailable(patient_client(app->url()).get("/invoices"));
  expect_unavailable(patient_client(provider->url()).get("/payments"));
  for (const auto* service : {app.get(), provider.get()}) {
    expect_unavailable(patient_client(service->admin_url()).get("/readyz"));
  }

  server_.change_password(ServerWithPasswords::kPassword);
  for (auto* service : {app.get(), provider.get()}) {
    EXPECT_TRUE(eventually([&] { return is_ready(*service); }));
    EXPECT_EQ(service->stop(), 0);  // writes the queued lines
    EXPECT_FALSE(has_secret(service->log())) << service->log();
  }
}

TEST_F(PasswordInAFile, IsNotShownWhenTheStartFails) {
  const std::string url = server_.create_database();
  server_.change_password("another");
  for (const char* binary : {INVOICE_APP_BINARY, PAYMENT_PROVIDER_BINARY}) {
    for (const std::string& bad : {url, url + "?nonsense=1", "x" + url}) {
      ServiceProcess process(binary, {{"DATABASE_URL_FILE", write_url_file("url", bad)}},
                             directory_ / "failed.log");
      EXPECT_EQ(process.wait(), bad == url ? 1 : 2);
      EXPECT_FALSE(has_secret(process.log())) << process.log();
    }
  }
}

}  // namespace
}  // namespace tests
