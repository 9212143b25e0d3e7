#include "common/http/cached_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <functional>
#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/unavailable.h"
#include "tests/support/eventually.h"

namespace common {
namespace {

struct NumberedText {
  std::int64_t sequence;
  std::string text;
};

// A store in memory. Counts reads. A test can do something in the middle of a read.
class FakeStore {
 public:
  void add(const std::string& text) {
    MutexLock lock(mutex_);
    rows_.push_back({static_cast<std::int64_t>(rows_.size() + 1), text});
    ++version_;
  }
  // A change that the list does not show.
  void touch() { ++version_; }

  std::optional<std::uint64_t> version() const {
    if (!has_version) return std::nullopt;
    return version_ + (is_committing ? 1 : 0);
  }
  std::optional<std::uint64_t> committed_version() const {
    if (!has_version) return std::nullopt;
    return version_.load();
  }
  std::vector<NumberedText> list(std::int64_t after, std::size_t limit) {
    std::vector<NumberedText> page;
    {
      MutexLock lock(mutex_);
      for (const NumberedText& row : rows_) {
        if (row.sequence > after && page.size() < limit) page.push_back(row);
      }
    }
    ++reads;  // what a test changes from now on is not in the page
    if (after_read) after_read();
    return page;
  }

  std::atomic<int> reads = 0;
  bool has_version = true;
  bool is_committing = false;  // version() is that of an uncommitted change
  std::function<void()> after_read = {};

 private:
  Mutex mutex_;
  std::vector<NumberedText> rows_ GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> version_ = 7;
};

void append_row(std::string& json, const NumberedText& row) { json += '"' + row.text + '"'; }

HttpRequest if_none_match(const std::string& tags) {
  return {.method = "GET", .headers = {{"If-None-Match", tags}}};
}

std::string etag(const HttpResponse& response) {
  for (const auto& [name, value] : response.headers) {
    if (name == "ETag") return value;
  }
  return "none";
}

std::string body(const HttpResponse& response) {
  if (response.shared_body) return *response.shared_body;
  if (!response.next_chunk) return response.body;
  std::string all;
  while (const auto chunk = response.next_chunk()) all += *chunk;
  return all;
}

class CachedListTest : public testing::Test {
 protected:
  // The body of the next response, and whether it was found without a read.
  std::pair<std::string, bool> next() {
    if (const auto found = list_.find({})) return {body(*found), true};
    return {body(list_.get({})), false};
  }

  FakeStore store_;
  CachedList list_{store_, append_row, 1000};
};

using Next = std::pair<std::string, bool>;

TEST_F(CachedListTest, IsReadOnceUntilTheStoreChanges) {
  EXPECT_EQ(next(), Next("[]\n", false));
  EXPECT_EQ(next(), Next("[]\n", true));
  store_.add("a");
  EXPECT_EQ(next(), Next("[\"a\"]\n", false));
  store_.add("b");
  EXPECT_EQ(next(), Next("[\"a\",\"b\"]\n", false));
  EXPECT_EQ(next(), Next("[\"a\",\"b\"]\n", true));
  EXPECT_EQ(body(list_.get({})), "[\"a\",\"b\"]\n");
  EXPECT_EQ(store_.reads, 3);
}

TEST_F(CachedListTest, IsNotFoundForAQuery) {
  list_.get({});
  EXPECT_FALSE(list_.find({.query = "limit=1"}));
}

TEST_F(CachedListTest, ResponsesShareTheBody) {
  const HttpResponse first = list_.get({});
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.content_type, "application/json");
  EXPECT_EQ(list_.find({})->shared_body, first.shared_body);
  store_.touch();  // the list is still equal
  EXPECT_EQ(list_.get({}).shared_body, first.shared_body);
}

TEST_F(CachedListTest, IsNotKeptIfTheStoreChangesMeanwhile) {
  store_.after_read = [this] {
    store_.after_read = {};
    store_.add("late");
  };
  EXPECT_EQ(next(), Next("[]\n", false));
  EXPECT_EQ(next(), Next("[\"late\"]\n", false));
  EXPECT_EQ(next(), Next("[\"late\"]\n", true));
}

TEST_F(CachedListTest, IsNotKeptUnderTheVersionOfAnUncommittedChange) {
  store_.is_committing = true;
  EXPECT_EQ(next(), Next("[]\n", false));
  store_.is_committing = false;
  store_.add("a");  // has the version that was uncommitted before
  EXPECT_EQ(next(), Next("[\"a\"]\n", false));
}

TEST_F(CachedListTest, IsReadForEachRequestWhileTheVersionIsUnknown) {
  store_.has_version = false;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(next(), Next("[]\n", false));
  store_.has_version = true;
  EXPECT_EQ(next(), Next("[]\n", false));
  EXPECT_EQ(next(), Next("[]\n", true));
  store_.has_version = false;
  EXPECT_EQ(next(), Next("[]\n", false));
}

TEST_F(CachedListTest, IsStreamedWithoutAnETagOnceItIsTooLong) {
  for (int i = 0; i < 100; ++i) store_.add(std::string(20, 'x'));
  CachedList list(store_, append_row, 1000);
  const HttpResponse response = list.get({});
  EXPECT_EQ(etag(response), "none");
  EXPECT_EQ(response.shared_body, nullptr);
  EXPECT_EQ(body(response).size(), 100U * 23 + 2);
  EXPECT_EQ(list.find({}), std::nullopt);
  EXPECT_EQ(list.get(if_none_match("*")).status, 200);
  const int before = store_.reads;
  list.get({});
  EXPECT_EQ(store_.reads, before + 1);  // not read twice any more
}

TEST_F(CachedListTest, HasTheSameETagForTheSameContentOnly) {
  FakeStore other;
  CachedList replica(other, append_row);
  for (const char* text : {"a", "b", "c"}) {
    const std::string before = etag(list_.get({}));
    store_.add(text);
    other.touch();
    other.add(text);
    EXPECT_NE(etag(list_.get({})), before);
    EXPECT_EQ(etag(list_.get({})), etag(replica.get({})));
    store_.touch();
    EXPECT_EQ(etag(list_.get({})), etag(replica.get({})));
  }
}

// RFC 9110, sections 8.8.3 and 13.1.2.
TEST_F(CachedListTest, Answers304IfTheClientHasTheList) {
  const std::string tag = etag(list_.get({}));
  for (const std::string& tags : {tag, "W/" + tag, "\"x\", " + tag, tag + ",\"x\"",
                                  std::string("*"), "W/\"x\" ,W/" + tag + " , \"y\""}) {
    for (const auto& response :
         {list_.get(if_none_match(tags)), *list_.find(if_none_match(tags))}) {
      EXPECT_EQ(response.status, 304) << tags;
      EXPECT_EQ(etag(response), tag);
      EXPECT_EQ(body(response), "");
    }
  }
  for (const std::string& tags :
       {std::string("\"x\""), std::string(), tag.substr(1), tag.substr(0, tag.size() - 1),
        "\"" + tag + "\"", std::string("\"*\""), "X/" + tag}) {
    EXPECT_EQ(list_.get(if_none_match(tags)).status, 200) << tags;
  }
  store_.add("a");
  EXPECT_EQ(list_.get(if_none_match(tag)).status, 200);
}

TEST_F(CachedListTest, CanBeAnyArrayThatDependsOnTheStore) {
  int reads = 0;
  CachedList sums(store_, CachedList::ReadList([&reads] {
                    return [&reads](std::string& body) {
                      body += '[' + std::to_string(++reads) + "]\n";
                      return false;
                    };
                  }));
  EXPECT_EQ(*sums.get({}).shared_body, "[1]\n");
  EXPECT_EQ(*sums.find({}).value().shared_body, "[1]\n");
  store_.add("a");
  EXPECT_FALSE(sums.find({}));
  EXPECT_EQ(*sums.get({}).shared_body, "[2]\n");
}

TEST_F(CachedListTest, TheFailureOfTheStoreIsThrownAndTheNextRequestReadsAgain) {
  store_.after_read = [] { throw std::runtime_error("gone"); };
  EXPECT_THROW(list_.get({}), std::runtime_error);
  EXPECT_THROW(list_.get({}), std::runtime_error);
  store_.after_read = {};
  EXPECT_EQ(next(), Next("[]\n", false));
  EXPECT_EQ(next(), Next("[]\n", true));
}

TEST_F(CachedListTest, RequestsThatArriveDuringAReadShareTheNextRead) {
  constexpr int kRequests = 8;
  std::promise<void> release;
  store_.after_read = [this, released = release.get_future().share()] {
    if (store_.reads == 1) released.wait();
  };
  const auto get = [this] {
    return std::async(std::launch::async, [this] { return body(list_.get({})); });
  };
  auto first = get();
  ASSERT_TRUE(tests::eventually([this] { return store_.reads == 1; }));
  store_.add("a");
  std::vector<std::future<std::string>> later;
  later.reserve(kRequests);
  for (int i = 0; i < kRequests; ++i) later.push_back(get());
  release.set_value();
  EXPECT_EQ(first.get(), "[]\n");
  // The read in progress had begun before the change, so none of them has its result.
  for (auto& response : later) EXPECT_EQ(response.get(), "[\"a\"]\n");
  EXPECT_LE(store_.reads, kRequests);
}

// ThreadSanitizer would report an exception that threads share.
TEST_F(CachedListTest, RequestsThatShareAReadThatFailsThrowAnExceptionEach) {
  constexpr int kRequests = 8;
  std::atomic<int> started = 0;
  store_.after_read = [&started] {
    EXPECT_TRUE(tests::eventually([&started] { return started % kRequests == 0; }));
    throw Unavailable("gone");
  };
  const auto failure_of_get = [&]() -> std::exception_ptr {
    ++started;
    try {
      list_.get({});
      return nullptr;
    } catch (const Unavailable&) {
      return std::current_exception();
    }
  };
  int rounds = 0;
  EXPECT_TRUE(tests::eventually([&] {  // until a read was shared
    std::vector<std::future<std::exception_ptr>> requests;
    requests.reserve(kRequests);
    for (int i = 0; i < kRequests; ++i) {
      requests.push_back(std::async(std::launch::async, failure_of_get));
    }
    std::vector<std::exception_ptr> failures;
    failures.reserve(kRequests);
    for (auto& request : requests) failures.push_back(request.get());
    for (auto failure = failures.begin(); failure != failures.end(); ++failure) {
      EXPECT_NE(*failure, nullptr);
      EXPECT_EQ(std::count(failures.begin(), failures.end(), *failure), 1);
    }
    return store_.reads < ++rounds * kRequests;
  }));
}

TEST_F(CachedListTest, IsRightWhileTheStoreChangesAllTheTime) {
  std::atomic<int> added = 0;
  std::atomic<bool> stop = false;
  constexpr int kReaders = 4;
  std::vector<std::thread> readers;
  readers.reserve(kReaders);
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const int before = added;
        const auto found = list_.find({});
        const std::string list = found ? body(*found) : body(list_.get({}));
        EXPECT_GE(std::count(list.begin(), list.end(), 'x'), before);
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    store_.add("x");
    ++added;
    std::this_thread::yield();
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace common
