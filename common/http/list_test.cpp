#include "common/http/list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace common {
namespace {

struct Numbered {
  std::int64_t sequence;
};

// Rows with the sequences 10, 20, 30 and so on. Counts how often it is read.
class Numbers {
 public:
  explicit Numbers(std::size_t rows) : rows_(rows) {}

  HttpResponse list() {
    return respond_in_chunks(json_array(
        [this](std::int64_t after, std::size_t limit) { return read(after, limit); },
        [](std::string& json, const Numbered& row) { json += std::to_string(row.sequence); }));
  }

  int reads() const { return reads_; }
  void fail() { fails_ = true; }

  std::vector<std::int64_t> sequences() const {
    std::vector<std::int64_t> all;
    for (std::size_t i = 1; i <= rows_; ++i) all.push_back(static_cast<std::int64_t>(i * 10));
    return all;
  }

 private:
  std::vector<Numbered> read(std::int64_t after, std::size_t limit) {
    if (fails_) throw std::runtime_error("gone");
    ++reads_;
    std::vector<Numbered> page;
    for (const std::int64_t sequence : sequences()) {
      if (sequence > after && page.size() < limit) page.push_back({sequence});
    }
    return page;
  }

  std::size_t rows_;
  int reads_ = 0;
  bool fails_ = false;
};

TEST(JsonArray, OfOnePageHasAPlainBody) {
  for (const auto& [rows, body] : {std::pair(0U, "[]\n"), {1U, "[10]\n"}, {2U, "[10,20]\n"}}) {
    const HttpResponse response = Numbers(rows).list();
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.content_type, "application/json");
    EXPECT_FALSE(response.next_chunk);
    EXPECT_EQ(response.body, body);
  }
  EXPECT_FALSE(Numbers(kListPageRows - 1).list().next_chunk);
}

TEST(JsonArray, OfMorePagesIsOneArrayInOneChunkPerPage) {
  for (const std::size_t rows :
       {kListPageRows, kListPageRows + 1, 2 * kListPageRows, 3 * kListPageRows - 1}) {
    Numbers store(rows);
    const HttpResponse response = store.list();
    std::string body;
    std::size_t chunks = 0;
    for (; const auto chunk = response.next_chunk(); ++chunks) body += *chunk;
    EXPECT_EQ(nlohmann::json::parse(body), nlohmann::json(store.sequences()));
    EXPECT_TRUE(body.ends_with("]\n"));
    EXPECT_EQ(chunks, rows / kListPageRows + 1);
    EXPECT_EQ(response.next_chunk(), std::nullopt);
  }
}

TEST(JsonArray, ReadsAPageWhenItsChunkIsWanted) {
  Numbers store(3 * kListPageRows);
  const HttpResponse response = store.list();
  EXPECT_EQ(store.reads(), 1);
  response.next_chunk();
  EXPECT_EQ(store.reads(), 1);
  response.next_chunk();
  EXPECT_EQ(store.reads(), 2);
}

TEST(JsonArray, ThrowsAtOnceWhenTheFirstPageCantBeRead) {
  Numbers store(1);
  store.fail();
  EXPECT_THROW(store.list(), std::runtime_error);
}

TEST(JsonArray, ThrowsInTheMiddleWhenALaterPageCantBeRead) {
  Numbers store(2 * kListPageRows);
  const HttpResponse response = store.list();
  store.fail();
  EXPECT_TRUE(response.next_chunk()->starts_with("[10,20"));
  EXPECT_THROW(response.next_chunk(), std::runtime_error);
}

}  // namespace
}  // namespace common
