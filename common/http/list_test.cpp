#include "common/http/list.h"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace common {
namespace {

// Numbers from 1 to `count`, `per_page` at a time, as the stores page: a full page may be the last.
AppendPage numbers(int count, int per_page) {
  return [count, per_page, next = 1](std::string& out) mutable {
    int appended = 0;
    for (; appended < per_page && next <= count; ++appended) out += ',' + std::to_string(next++);
    return appended == per_page;
  };
}

std::vector<std::string> chunks(HttpResponse& response) {
  std::vector<std::string> chunks;
  while (const auto chunk = response.next_chunk()) chunks.push_back(*chunk);
  return chunks;
}

using Chunks = std::vector<std::string>;

TEST(JsonList, IsSentWholeWhenItIsOnePage) {
  for (const auto& [count, body] : {std::pair(0, "[]\n"), {1, "[1]\n"}, {2, "[1,2]\n"}}) {
    const HttpResponse response = json_list(numbers(count, 3));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.content_type, "application/json");
    EXPECT_FALSE(response.next_chunk);
    EXPECT_EQ(response.body, body);
  }
}

TEST(JsonList, IsSentPageByPageWhenItIsLonger) {
  HttpResponse exact = json_list(numbers(3, 3));
  EXPECT_EQ(chunks(exact), (Chunks{"[1,2,3", "]\n"}));
  HttpResponse one_more = json_list(numbers(4, 3));
  EXPECT_EQ(chunks(one_more), (Chunks{"[1,2,3", ",4]\n"}));
  HttpResponse pages = json_list(numbers(6, 2));
  EXPECT_EQ(chunks(pages), (Chunks{"[1,2", ",3,4", ",5,6", "]\n"}));
}

TEST(JsonList, StaysAtItsEnd) {
  HttpResponse response = json_list(numbers(3, 3));
  chunks(response);
  EXPECT_EQ(response.next_chunk(), std::nullopt);
}

TEST(JsonList, ReadsNoPageBeforeItIsWanted) {
  int pages_read = 0;
  HttpResponse response = json_list([&pages_read](std::string& out) {
    out += ",1";
    return ++pages_read < 3;
  });
  EXPECT_EQ(pages_read, 1);
  response.next_chunk();
  EXPECT_EQ(pages_read, 1);
  response.next_chunk();
  EXPECT_EQ(pages_read, 2);
}

TEST(JsonList, ThrowsAtOnceWhenTheFirstPageCantBeRead) {
  EXPECT_THROW(json_list([](std::string&) -> bool { throw std::runtime_error("gone"); }),
               std::runtime_error);
}

TEST(JsonList, ThrowsInTheMiddleWhenALaterPageCantBeRead) {
  HttpResponse response = json_list([first = true](std::string& out) mutable {
    if (!first) throw std::runtime_error("gone");
    first = false;
    out += ",1";
    return true;
  });
  EXPECT_EQ(response.next_chunk(), "[1");
  EXPECT_THROW(response.next_chunk(), std::runtime_error);
}

}  // namespace
}  // namespace common
