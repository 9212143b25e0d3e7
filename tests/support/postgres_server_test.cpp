// The servers for tests do what tests expect of them: a killed server recovers, a paused one keeps
// its connections, and none outlives the tests.

#include "tests/support/postgres_server.h"

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>

#include "tests/support/eventually.h"

namespace tests {
namespace {

// A connection whose process in the server is busy.
class BusyConnection {
 public:
  explicit BusyConnection(const std::string& url)
      : connection_(PQconnectdb(url.c_str()), PQfinish) {
    EXPECT_EQ(1, PQsendQuery(connection_.get(), "SELECT pg_sleep(600)"))
        << PQerrorMessage(connection_.get());
  }

  bool is_open() { return PQconsumeInput(connection_.get()) == 1; }

 private:
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

TEST(PostgresServer, DatabasesAreSeparateAndEmpty) {
  const std::string first = shared_postgres().create_database();
  const std::string second = shared_postgres().create_database();
  PostgresServer::execute(first, "CREATE TABLE t (n int); INSERT INTO t VALUES (7)");
  EXPECT_EQ("7", PostgresServer::query(first, "SELECT n FROM t"));
  EXPECT_EQ("", PostgresServer::query(second, "SELECT to_regclass('t')"));
  EXPECT_THROW(PostgresServer::query(second, "SELECT n FROM t"), std::runtime_error);
}

TEST(PostgresServer, KilledServerEndsAllConnectionsAndRecovers) {
  PostgresServer server;
  const std::string url = server.create_database();
  PostgresServer::execute(url, "CREATE TABLE t (n int)");
  PostgresServer::execute(url, "INSERT INTO t VALUES (7)");
  BusyConnection busy(url);
  server.kill();
  EXPECT_TRUE(eventually([&] { return !busy.is_open(); }));
  EXPECT_THROW(PostgresServer::query(url, "SELECT 1"), std::runtime_error);
  server.start();
  EXPECT_EQ("7", PostgresServer::query(url, "SELECT n FROM t"));
  server.stop();
  server.start();
  EXPECT_EQ("7", PostgresServer::query(url, "SELECT n FROM t"));
}

TEST(PostgresServer, PausedServerKeepsConnectionsAndDoesNotReply) {
  PostgresServer& server = shared_postgres();
  const std::string url = server.create_database();
  BusyConnection busy(url);
  server.pause();
  EXPECT_EQ(PQPING_NO_RESPONSE, PQping((url + "?connect_timeout=2").c_str()));
  EXPECT_TRUE(busy.is_open());
  server.resume();
  EXPECT_EQ("1", PostgresServer::query(url, "SELECT 1"));
  EXPECT_TRUE(busy.is_open());
}

TEST(PgBouncer, LeadsToTheSameDatabase) {
  const std::string url = shared_postgres().create_database();
  const PgBouncer bouncer(shared_postgres());
  EXPECT_NE(url, bouncer.url(url));
  PostgresServer::execute(url, "CREATE TABLE t (n int); INSERT INTO t VALUES (7)");
  EXPECT_EQ("7", PostgresServer::query(bouncer.url(url), "SELECT n FROM t"));
}

// Starts both in a process of their own, writes their URLs to the descriptor, and never returns.
[[noreturn]] void serve_forever(int output) {
  PostgresServer server;
  const std::string url = server.create_database();
  const PgBouncer bouncer(server);
  const std::string urls = url + '\n' + bouncer.url(url) + '\n';
  if (::write(output, urls.data(), urls.size()) < 0) ::_exit(1);
  for (;;) ::pause();
}

TEST(PostgresServer, NoProcessOutlivesKilledTest) {
  std::array<int, 2> ends{};
  ASSERT_EQ(0, ::pipe(ends.data()));
  const pid_t test = ::fork();
  if (test == 0) serve_forever(ends[1]);
  ::close(ends[1]);
  std::string urls;
  for (char c = 0; std::ranges::count(urls, '\n') < 2 && ::read(ends[0], &c, 1) == 1;) urls += c;
  ::close(ends[0]);
  ASSERT_EQ(2, std::ranges::count(urls, '\n'));
  const std::string server = urls.substr(0, urls.find('\n'));
  const std::string bouncer = urls.substr(server.size() + 1, urls.size() - server.size() - 2);

  BusyConnection busy(server);
  ASSERT_EQ(PQPING_OK, PQping(bouncer.c_str()));
  ::kill(test, SIGKILL);
  ::waitpid(test, nullptr, 0);
  EXPECT_TRUE(eventually([&] { return !busy.is_open(); }));
  for (const std::string& url : {server, bouncer})
    EXPECT_TRUE(eventually([&] { return PQping(url.c_str()) == PQPING_NO_RESPONSE; })) << url;
}

}  // namespace
}  // namespace tests
