#include "tests/crash/batch_damage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

namespace tests {
namespace {

using nlohmann::json;

std::string message(const std::string& start, const json& body) {
  const std::string text = body.dump();
  return start +
         "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(text.size()) +
         "\r\nA: b\r\n\r\n" + text;
}

json body_of(const std::string& text) { return json::parse(text.substr(text.find("\r\n\r\n"))); }

// Of `id`: the n-th is accepted, except for the last.
json results(int count) {
  json array = json::array();
  for (int i = 1; i <= count; ++i) {
    const std::string id = "I" + std::to_string(i);
    array.push_back(
        {{"id", id}, {"idempotencyKey", "pay:" + id + ":1"}, {"status", i < count ? 200 : 422}});
  }
  return array;
}

TEST(BatchDamage, KnowsBatchesAndWhenTheyAreComplete) {
  const std::string request = message("POST /payments/batch HTTP/1.1", results(2));
  EXPECT_TRUE(is_batch(request));
  EXPECT_FALSE(is_batch("POST /payments/pay HTTP/1.1\r\n"));
  for (std::size_t size = 0; size < request.size(); ++size) {
    EXPECT_FALSE(is_complete(request.substr(0, size))) << size;
  }
  EXPECT_TRUE(is_complete(request));
  EXPECT_TRUE(is_complete("HTTP/1.1 404 Not Found\r\n\r\n"));
}

TEST(BatchDamage, ShortensARequest) {
  std::mt19937_64 random(1);
  for (int count = 2; count <= 9; ++count) {
    const std::string request = message("POST /payments/batch HTTP/1.1", results(count));
    const std::string shorter = shorten(request, random);
    EXPECT_EQ(shorter, message("POST /payments/batch HTTP/1.1", body_of(shorter)));
    EXPECT_LT(body_of(shorter).size(), results(count).size());
    EXPECT_GE(2 * body_of(shorter).size(), results(count).size());
  }
}

// What differs from `whole`.
std::string kind_of(const std::string& damaged, const json& whole) {
  if (damaged.starts_with("HTTP/1.1 200 ")) return "status 200";
  const json array = body_of(damaged);
  const auto known = std::count_if(array.begin(), array.end(), [&](const json& result) {
    return std::find(whole.begin(), whole.end(), result) != whole.end();
  });
  const auto count = static_cast<std::ptrdiff_t>(whole.size());
  const auto difference = static_cast<std::ptrdiff_t>(array.size()) - count;
  if (difference < 0) return "missing";
  if (difference == 0 && known == count) return array == whole ? "none" : "reordered";
  if (difference == 0) return "another key";
  if (known == count + 1) return "duplicate";
  return array.dump().find("foreign") == std::string::npos ? "contradiction" : "foreign";
}

TEST(BatchDamage, DamagesAResponseInEveryWay) {
  for (const int count : {2, 3, 50}) {
    std::set<std::string> kinds;
    for (unsigned seed = 0; seed < 200; ++seed) {
      std::mt19937_64 random(seed);
      const std::string damaged =
          damage(message("HTTP/1.1 207 Multi-Status", results(count)), random);
      EXPECT_EQ(damaged, message(damaged.substr(0, damaged.find("\r\n")), body_of(damaged)));
      kinds.insert(kind_of(damaged, results(count)));
    }
    EXPECT_EQ(kinds, (std::set<std::string>{"another key", "contradiction", "duplicate", "foreign",
                                            "missing", "reordered", "status 200"}))
        << count;
  }
}

TEST(BatchDamage, LeavesAResponseWithoutResultsUnchanged) {
  std::mt19937_64 random(1);
  const std::string response = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
  EXPECT_EQ(damage(response, random), response);
}

}  // namespace
}  // namespace tests
