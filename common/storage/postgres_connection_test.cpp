#include "common/storage/postgres_connection.h"

#include <limits>

#include "common/storage/postgres_fixture.h"

namespace common {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;
using Texts = std::vector<std::string>;
using OptionalTexts = std::vector<std::optional<std::string>>;

class PostgresConnectionTest : public testing::Test {
 protected:
  PostgresConnectionTest()
      : connection_(PostgresParameters(tests::shared_postgres().url("postgres"))) {
    connection_.set_deadline(steady_clock::now() + tests::kSlowdown * seconds(20));
  }

  PostgresConnection connection_;
};

const Texts kTexts = {"",
                      "plain",
                      "it's",
                      "\"quoted\"",
                      "back\\slash\\",
                      "{a,b}",
                      "NULL",
                      "null",
                      " space ",
                      "a,b",
                      "tab\t\n\r",
                      "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x92\xB6",
                      "$1; --",
                      "%s\\\"",
                      "\\x41",
                      "'); DROP TABLE t"};

TEST_F(PostgresConnectionTest, SendsAndReturnsTextsUnchanged) {
  for (const std::string& text : kTexts) {
    EXPECT_EQ(connection_.run("SELECT $1::TEXT", text).text(0, 0), text);
  }
  const std::string large(3'000'000, 'x');
  EXPECT_EQ(connection_.run("SELECT $1::TEXT", large).text(0, 0), large);
}

TEST_F(PostgresConnectionTest, SendsArraysOfTextsUnchanged) {
  const auto rows = connection_.run("SELECT unnest($1::TEXT[])", kTexts);
  Texts received;
  for (int row = 0; row < rows.size(); ++row) received.push_back(rows.text(row, 0));
  EXPECT_EQ(received, kTexts);
}

TEST_F(PostgresConnectionTest, DistinguishesNullFromTexts) {
  const OptionalTexts texts = {"NULL", std::nullopt, "", "\""};
  const auto rows = connection_.run("SELECT unnest($1::TEXT[])", texts);
  OptionalTexts received;
  for (int row = 0; row < rows.size(); ++row) {
    received.push_back(rows.is_null(row, 0) ? std::nullopt : std::optional(rows.text(row, 0)));
  }
  EXPECT_EQ(received, texts);
}

TEST_F(PostgresConnectionTest, SendsEmptyArrays) {
  EXPECT_EQ(connection_.run("SELECT unnest($1::TEXT[])", Texts{}).size(), 0);
  EXPECT_EQ(connection_.run("SELECT unnest($1::TEXT[])", OptionalTexts{}).size(), 0);
  EXPECT_EQ(connection_.run("SELECT unnest($1::BIGINT[])", Numbers{}).size(), 0);
}

TEST_F(PostgresConnectionTest, SendsAndReturnsNumbers) {
  const Numbers limits = {std::numeric_limits<std::int64_t>::min(), -1, 0,
                          std::numeric_limits<std::int64_t>::max()};
  for (const std::int64_t n : limits) {
    EXPECT_EQ(connection_.run("SELECT $1::BIGINT", n).number(0, 0), n);
  }
  EXPECT_EQ(connection_.run("SELECT unnest($1::BIGINT[])", limits).numbers(0), limits);
}

TEST_F(PostgresConnectionTest, RefusesWhatIsNoNumber) {
  for (const char* sql :
       {"SELECT ''", "SELECT '7x'", "SELECT 1.5", "SELECT NULL", "SELECT 9223372036854775808"}) {
    EXPECT_THROW(connection_.run(sql).number(0, 0), PostgresError) << sql;
  }
}

// The server can't store one, and libpq ends a value there.
TEST_F(PostgresConnectionTest, RefusesZeroBytes) {
  const std::string text("a\0b", 3);
  EXPECT_THROW(connection_.run("SELECT $1::TEXT", text), PostgresError);
  EXPECT_THROW(connection_.run("SELECT unnest($1::TEXT[])", Texts{text}), PostgresError);
}

TEST_F(PostgresConnectionTest, CountsChangedRows) {
  connection_.run("CREATE TEMPORARY TABLE t (n BIGINT)");
  EXPECT_EQ(connection_.run("INSERT INTO t SELECT generate_series(1, 3)").changed(), 3);
  EXPECT_EQ(connection_.run("UPDATE t SET n = 9 WHERE n > 1").changed(), 2);
  EXPECT_EQ(connection_.run("DELETE FROM t WHERE n = 0").changed(), 0);
}

TEST_F(PostgresConnectionTest, ReportsTheSqlstateAndIsBroken) {
  try {
    connection_.run("SELECT 1/0");
    FAIL();
  } catch (const PostgresError& error) {
    EXPECT_EQ(error.sqlstate(), "22012");
  }
  EXPECT_TRUE(connection_.is_broken());
}

TEST(PostgresParametersTest, DescriptionHasNoSecret) {
  const auto description = [](const std::string& url) {
    return PostgresParameters(url).description();
  };
  EXPECT_EQ(description("postgresql://me:secret@db-1,db-2:5433/invoices"),
            "postgresql://me@db-1,db-2:5433/invoices");
  EXPECT_EQ(description("postgresql://[::1]:5433/invoices?password=secret"),
            "postgresql://[::1]:5433/invoices");
  EXPECT_EQ(description("postgresql:///invoices?hostaddr=10.0.0.1&port=5433"),
            "postgresql://10.0.0.1:5433/invoices");
  EXPECT_EQ(description("postgresql:///invoices?host=/run/postgresql"),
            "postgresql:///run/postgresql/invoices");
}

// libpq takes what follows the first slash or at sign for something else.
TEST(PostgresParametersTest, RefusesAPasswordThatIsNotEncoded) {
  for (const char* url : {"postgresql://me:se/cret@db/x", "postgresql://me:/secret@db/x",
                          "postgresql://me:12/secret@db/x", "postgresql://me:se@cret@db/x",
                          "postgresql://me:p@se/cret@db/x", "postgresql://me/secret@db/x"}) {
    EXPECT_THROW(PostgresParameters{url}, std::invalid_argument) << url;
  }
  EXPECT_NO_THROW(PostgresParameters{"postgresql://me:s%2Fe%40cret@db/x"});
}

TEST(PostgresParametersTest, RefusesAUrlWithoutADatabase) {
  for (const char* url : {"postgresql://me@db", "postgresql://me@db/", "postgresql://"}) {
    EXPECT_THROW(PostgresParameters{url}, std::invalid_argument) << url;
  }
}

TEST(PostgresParametersTest, RefusesMalformedUrlsWithoutTheirSecret) {
  for (const char* url : {"postgresql://me:secret@db:5432/x?no_such_option=1",
                          "postgresql://me:secret@[::1/x", "postgresql://me:secret%zz@db/x"}) {
    try {
      const PostgresParameters parameters{url};
      ADD_FAILURE() << url;
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos);
    }
  }
}

TEST(PostgresParametersTest, UrlWinsOverDefaults) {
  const PostgresParameters parameters("postgresql://db/x?connect_timeout=7");
  int count = 0;
  for (const auto& [keyword, value] : parameters.values()) {
    if (keyword != "connect_timeout") continue;
    EXPECT_EQ(value, "7");
    ++count;
  }
  EXPECT_EQ(count, 1);
}

}  // namespace
}  // namespace common
