#include "common/http/tcp.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/raw_client.h"

namespace common {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using tests::eventually;
using tests::kPatience;
using tests::RawClient;

steady_clock::time_point in(milliseconds time) { return steady_clock::now() + time; }

// Two ends of a connection whose buffers hold a few kilobytes.
class TcpConnectionTest : public testing::Test {
 protected:
  TcpConnectionTest() {
    int ends[2] = {-1, -1};
    ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    near_ = TcpConnection(FileDescriptor(ends[0]));
    far_ = TcpConnection(FileDescriptor(ends[1]));
    const int small = 1;  // the system makes the least possible of it
    ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  }

  void close_far() { far_ = TcpConnection(FileDescriptor()); }

  TcpConnection near_{FileDescriptor()};
  TcpConnection far_{FileDescriptor()};
  std::array<char, 500> buffer_{};
};

TEST(FileDescriptor, IsClosedAtTheEndUnlessItIsBorrowed) {
  const StopSignal signal;  // somebody's descriptor
  const auto is_open = [](int fd) { return ::fcntl(fd, F_GETFD) >= 0; };
  FileDescriptor::borrow(signal.fd());
  {
    FileDescriptor moved;
    moved = FileDescriptor::borrow(signal.fd());
  }
  EXPECT_TRUE(is_open(signal.fd()));
  int copy = -1;
  {
    const FileDescriptor owned(::dup(signal.fd()));
    copy = owned.get();
    EXPECT_TRUE(is_open(copy));
  }
  EXPECT_FALSE(is_open(copy));
}

TEST_F(TcpConnectionTest, ReadsWhatIsThere) {
  EXPECT_EQ(near_.read(buffer_.data(), buffer_.size()), -1);
  EXPECT_TRUE(far_.write_all("abc", kPatience));
  EXPECT_TRUE(near_.wait_readable(in(kPatience)));
  EXPECT_EQ(near_.read(buffer_.data(), 2), 2);
  EXPECT_EQ(near_.read(buffer_.data() + 2, buffer_.size()), 1);
  EXPECT_EQ(std::string(buffer_.data(), 3), "abc");
  close_far();
  EXPECT_TRUE(near_.wait_readable(in(kPatience)));
  EXPECT_EQ(near_.read(buffer_.data(), buffer_.size()), 0);
}

TEST_F(TcpConnectionTest, WaitsUntilTheDeadline) {
  const auto begin = steady_clock::now();
  EXPECT_FALSE(near_.wait_readable(begin + milliseconds(30)));
  EXPECT_GE(steady_clock::now() - begin, milliseconds(30));
}

// Else a peer that sends without end could not be got rid of.
TEST_F(TcpConnectionTest, AfterTheDeadlineNothingIsReadable) {
  EXPECT_TRUE(far_.write_all("abc", kPatience));
  EXPECT_FALSE(near_.wait_readable(steady_clock::now()));
  near_.close_lingering(steady_clock::now());
  EXPECT_EQ(near_.read(buffer_.data(), buffer_.size()), 3) << "read after the deadline";
}

TEST_F(TcpConnectionTest, AStopEndsTheWait) {
  StopSignal stop;
  auto waited = std::async(std::launch::async,
                           [&] { return near_.wait_readable(in(std::chrono::hours(1)), &stop); });
  stop.raise();
  EXPECT_FALSE(waited.get());
  stop.raise();
  EXPECT_TRUE(far_.write_all("abc", kPatience));
  EXPECT_FALSE(near_.wait_readable(in(kPatience), &stop));
  EXPECT_TRUE(near_.wait_readable(in(kPatience)));
}

TEST_F(TcpConnectionTest, WritesAsMuchAsThePeerTakes) {
  const std::string sent(1'000'000, 'x');
  auto written = std::async(std::launch::async,
                            [&] { return near_.write_all(sent, milliseconds(kPatience)); });
  std::size_t received = 0;
  while (received < sent.size() && far_.wait_readable(in(kPatience))) {
    received += static_cast<std::size_t>(far_.read(buffer_.data(), buffer_.size()));
  }
  EXPECT_TRUE(written.get());
  EXPECT_EQ(received, sent.size());
}

TEST_F(TcpConnectionTest, GivesAPeerUpThatTakesNothing) {
  EXPECT_FALSE(near_.write_all(std::string(1'000'000, 'x'), milliseconds(50)));
}

TEST_F(TcpConnectionTest, GivesAPeerUpThatTakesItInDrops) {
  std::atomic<bool> done = false;
  std::thread reader([&] {
    eventually([&] {
      far_.read(buffer_.data(), buffer_.size());
      return done.load();
    });
  });
  EXPECT_FALSE(near_.write_all(std::string(1'000'000, 'x'), milliseconds(100)));
  done = true;
  reader.join();
}

TEST_F(TcpConnectionTest, WritingToAPeerThatIsGoneFails) {
  close_far();
  EXPECT_FALSE(near_.write_all("abc", kPatience));
}

TEST(TcpListener, NamesHostAndPortWhenItCannotListen) {
  const TcpListener first("127.0.0.1", 0);
  const std::vector<std::pair<std::string, int>> unusable = {
      {"127.0.0.1", first.port()}, {"0.0.0.0", first.port()}, {"192.0.2.1", 8081}};
  for (const auto& [host, port] : unusable) {
    try {
      const TcpListener second(host, port);
      ADD_FAILURE() << "listens on " << host << ':' << port;
    } catch (const std::system_error& error) {
      const std::string what = error.what();
      EXPECT_NE(what.find(host + ":" + std::to_string(port)), std::string::npos) << what;
    }
  }
  EXPECT_THROW(TcpListener("localhost", 0), std::system_error);
  EXPECT_THROW(TcpListener("", 0), std::system_error);
}

TEST(TcpListener, AcceptsFromManyThreadsUntilShutDown) {
  TcpListener listener("127.0.0.1", 0);
  std::atomic<int> accepted = 0;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (listener.accept()) ++accepted;
    });
  }
  for (int i = 0; i < 100; ++i) {
    RawClient client(listener.port());
    if (i % 2 == 0) client.reset();
  }
  EXPECT_TRUE(eventually([&] { return accepted == 100; }));
  listener.shut_down();
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(listener.accept());
}

TEST(TcpListener, SaysWhetherConnectionsWait) {
  TcpListener listener("127.0.0.1", 0);
  EXPECT_FALSE(listener.has_waiting());
  const RawClient client(listener.port());
  EXPECT_TRUE(eventually([&] { return listener.has_waiting(); }));
  EXPECT_TRUE(listener.accept());
  EXPECT_FALSE(listener.has_waiting());
}

// A burst: all connect before anyone is accepted.
TEST(TcpListener, LetsManyConnectionsWait) {
  const TcpListener listener("127.0.0.1", 0);
  std::vector<RawClient> clients;
  for (int i = 0; i < 300; ++i) EXPECT_NO_THROW(clients.emplace_back(listener.port())) << i;
}

}  // namespace
}  // namespace common
