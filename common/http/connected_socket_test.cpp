#include "common/http/connected_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <thread>

#include "tests/support/eventually.h"

namespace common {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using tests::eventually;
using tests::kPatience;

steady_clock::time_point in(milliseconds time) { return steady_clock::now() + time; }

// Both ends of a connection whose buffers hold a few kilobytes.
class ConnectedSocketTest : public testing::Test {
 protected:
  ConnectedSocketTest() {
    int ends[2] = {-1, -1};
    ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    near_ = ConnectedSocket(FileDescriptor(ends[0]));
    far_ = ConnectedSocket(FileDescriptor(ends[1]));
    const int smallest = 1;  // the system raises it to its minimum
    ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest);
  }

  void close_far() { far_ = ConnectedSocket(FileDescriptor()); }

  const std::string large_ = std::string(1'000'000, 'x');
  ConnectedSocket near_{FileDescriptor()};
  ConnectedSocket far_{FileDescriptor()};
  std::array<char, 500> buffer_{};
};

TEST_F(ConnectedSocketTest, ReadsTheInputUntilThePeerCloses) {
  EXPECT_EQ(near_.read(buffer_.data(), buffer_.size()), -1);
  EXPECT_TRUE(far_.write_all("abc", in(kPatience)));
  EXPECT_TRUE(near_.wait_readable(in(kPatience)));
  EXPECT_EQ(near_.read(buffer_.data(), 2), 2);
  EXPECT_EQ(near_.read(buffer_.data() + 2, buffer_.size() - 2), 1);
  EXPECT_EQ(std::string(buffer_.data(), 3), "abc");
  close_far();
  EXPECT_TRUE(near_.wait_readable(in(kPatience)));
  EXPECT_EQ(near_.read(buffer_.data(), buffer_.size()), 0);
}

TEST_F(ConnectedSocketTest, WaitsUntilTheDeadline) {
  const auto begin = steady_clock::now();
  EXPECT_FALSE(near_.wait_readable(begin + milliseconds(30)));
  EXPECT_GE(steady_clock::now() - begin, milliseconds(30));
}

// Otherwise a call to a server that never stops sending would not end.
TEST_F(ConnectedSocketTest, IsNotReadableAfterTheDeadline) {
  EXPECT_TRUE(far_.write_all("abc", in(kPatience)));
  EXPECT_FALSE(near_.wait_readable(steady_clock::now()));
}

TEST_F(ConnectedSocketTest, WritesMoreThanTheBuffersHold) {
  auto written =
      std::async(std::launch::async, [&] { return near_.write_all(large_, in(kPatience)); });
  std::size_t received = 0;
  while (received < large_.size() && far_.wait_readable(in(kPatience))) {
    received += static_cast<std::size_t>(far_.read(buffer_.data(), buffer_.size()));
  }
  EXPECT_TRUE(written.get());
  EXPECT_EQ(received, large_.size());
}

TEST_F(ConnectedSocketTest, StopsWritingAtTheDeadlineWhenThePeerDoesNotRead) {
  EXPECT_FALSE(near_.write_all(large_, in(milliseconds(50))));
}

TEST_F(ConnectedSocketTest, StopsWritingAtTheDeadlineWhenThePeerReadsSlowly) {
  std::atomic<bool> done = false;
  std::thread reader([&] {
    eventually([&] {
      far_.read(buffer_.data(), buffer_.size());
      return done.load();
    });
  });
  EXPECT_FALSE(near_.write_all(large_, in(milliseconds(100))));
  done = true;
  reader.join();
}

TEST_F(ConnectedSocketTest, CannotWriteWhenThePeerHasClosed) {
  close_far();
  EXPECT_FALSE(near_.write_all("abc", in(kPatience)));
}

}  // namespace
}  // namespace common
