// Both programs reach PostgreSQL over TLS, and with sslmode=verify-full accept only a server that
// proves its name with a certificate of the right authority.

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/postgres_server.h"
#include "tests/support/service_process.h"
#include "tests/support/temporary_directory.h"

namespace tests {
namespace {

constexpr const char* kServerName = "database.example";  // not resolved: the URLs have an address
constexpr const char* kPassword = "not-for-logs";

// Certificate authorities and certificates, made with OpenSSL's program.
class Certificates {
 public:
  Certificates() {
    // The server runs as another user if the test runs as root.
    using std::filesystem::perms;
    std::filesystem::permissions(directory_ / "", perms(0755));
    make("authority", {"-subj", "/CN=authority"});
    make("other-authority", {"-subj", "/CN=authority"});
    make("server", {"-CA", file("authority.crt"), "-CAkey", file("authority.key"), "-subj",
                    "/CN=server", "-addext", std::string("subjectAltName=DNS:") + kServerName});
    std::filesystem::permissions(file("server.key"), perms(0644));
  }

  std::string file(const std::string& name) const { return directory_ / name; }

 private:
  void make(const std::string& name, const std::vector<std::string>& options) const {
    std::vector<std::string> command = {"openssl",  "req",    "-x509", "-newkey",
                                        "rsa:2048", "-nodes", "-days", "1"};
    command.insert(command.end(), {"-keyout", file(name + ".key"), "-out", file(name + ".crt")});
    command.insert(command.end(), options.begin(), options.end());
    ChildProcess openssl(std::move(command), {{"PATH", "/usr/bin:/bin"}}, file("log"));
    if (openssl.wait() != 0) openssl.fail("can't make the certificate of " + name);
  }

  const TemporaryDirectory directory_;
};

class PostgresTls : public testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    certificates = std::make_unique<Certificates>();
    server = std::make_unique<PostgresServer>();
    // The server demands that the key is its own, so it makes the copy.
    PostgresServer::execute(server->url("postgres"),
                            "CREATE TEMPORARY TABLE output (line TEXT);"
                            "COPY output FROM PROGRAM 'install -m 600 " +
                                certificates->file("server.key") + " server.key'");
    PostgresServer::execute(server->url("postgres"), "ALTER SYSTEM SET ssl_cert_file = '" +
                                                         certificates->file("server.crt") + "'");
    PostgresServer::execute(server->url("postgres"), "ALTER SYSTEM SET ssl = on");
    server->stop();
    server->start();
  }
  static void TearDownTestSuite() {
    server.reset();
    certificates.reset();
  }

  // Starts the program on a new database of a server that it knows by this name.
  ServiceProcess start(PostgresServer& on, const std::string& name, const std::string& authority) {
    database_ = on.create_database();
    const std::string database = database_.substr(database_.rfind('/'));
    return {GetParam(),
            {{"DATABASE_URL", std::string("postgresql://postgres:") + kPassword + "@" + name + ":" +
                                  std::to_string(on.port()) + database +
                                  "?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert=" +
                                  certificates->file(authority)}},
            directory_ / "log"};
  }

  void expect_refusal(ServiceProcess process, const std::string& reason) {
    EXPECT_EQ(process.wait(), 1);
    EXPECT_NE(process.log().find(reason), std::string::npos) << process.log();
    EXPECT_EQ(process.log().find(kPassword), std::string::npos) << process.log();
    EXPECT_EQ(PostgresServer::query(database_, "SELECT to_regclass('schema_version')"), "");
  }

  static std::unique_ptr<Certificates> certificates;
  static std::unique_ptr<PostgresServer> server;

  const TemporaryDirectory directory_;
  std::string database_;  // its URL, for the test itself
};

std::unique_ptr<Certificates> PostgresTls::certificates;
std::unique_ptr<PostgresServer> PostgresTls::server;

TEST_P(PostgresTls, ConnectsToTheServerThatTheUrlNames) {
  ServiceProcess process = start(*server, kServerName, "authority.crt");
  process.await_ready();
  EXPECT_EQ("t", PostgresServer::query(database_,
                                       "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN "
                                       "pg_stat_activity USING (pid) WHERE pid <> "
                                       "pg_backend_pid() AND datname = current_database()"));
  EXPECT_EQ(process.stop(), 0);
  EXPECT_EQ(process.log().find(kPassword), std::string::npos) << process.log();
}

TEST_P(PostgresTls, RefusesACertificateOfAnotherAuthority) {
  expect_refusal(start(*server, kServerName, "other-authority.crt"), "certificate verify failed");
}

TEST_P(PostgresTls, RefusesACertificateForAnotherName) {
  expect_refusal(start(*server, "other.example", "authority.crt"),
                 "does not match host name \\\"other.example\\\"");
}

TEST_P(PostgresTls, RefusesAServerWithoutTls) {
  expect_refusal(start(shared_postgres(), kServerName, "authority.crt"),
                 "server does not support SSL");
}

TEST_P(PostgresTls, RefusesWithoutTheCertificateOfTheAuthority) {
  expect_refusal(start(*server, kServerName, "missing.crt"), "missing.crt\\\" does not exist");
}

std::string name_of(const testing::TestParamInfo<const char*>& program) {
  return program.index == 0 ? "InvoiceApp" : "PaymentProvider";
}

INSTANTIATE_TEST_SUITE_P(Programs, PostgresTls,
                         testing::Values(INVOICE_APP_BINARY, PAYMENT_PROVIDER_BINARY), name_of);

}  // namespace
}  // namespace tests
