#include "common/storage/database_url.h"

#include <gtest/gtest.h>

namespace common {
namespace {

TEST(DatabaseUrl, NamesAFile) {
  const auto url = DatabaseUrl::parse("sqlite:/data/invoices.db");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->kind, DatabaseUrl::Kind::kSqlite);
  EXPECT_EQ(url->location, "/data/invoices.db");
  EXPECT_EQ(url->description, "/data/invoices.db");
}

TEST(DatabaseUrl, NamesServersAndADatabase) {
  const std::string text = "postgresql://app@db-1,db-2:5433/invoices?sslmode=verify-full";
  const auto url = DatabaseUrl::parse(text);
  ASSERT_TRUE(url);
  EXPECT_EQ(url->kind, DatabaseUrl::Kind::kPostgres);
  EXPECT_EQ(url->location, text);
}

TEST(DatabaseUrl, IsDescribedWithoutItsSecrets) {
  for (const char* text : {"postgresql://app:s3cret@db:5433/invoices",
                           "postgres://db:5433/invoices?user=app&password=s3cret"}) {
    const auto url = DatabaseUrl::parse(text);
    ASSERT_TRUE(url) << text;
    EXPECT_EQ(url->description, "postgresql://app@db:5433/invoices");
  }
}

TEST(DatabaseUrl, MustBeComplete) {
  for (const char* text :
       {"", "invoices.db", "sqlite:", "sqlite::memory:", "sqlite:file:a.db?nolock=1", "mysql://h/d",
        "postgresql:", "postgresql://h:port/d?nonsense=1", "postgresql://h/d?nonsense=1",
        "postgresql://[::1/d"}) {
    EXPECT_FALSE(DatabaseUrl::parse(text)) << text;
  }
}

}  // namespace
}  // namespace common
