#include "common/base/file_descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace common {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(FileDescriptor, IsClosedAtTheEndUnlessItIsBorrowed) {
  const FileDescriptor owner(::dup(STDERR_FILENO));
  FileDescriptor::borrow(owner.get());
  {
    FileDescriptor moved;
    moved = FileDescriptor::borrow(owner.get());
  }
  EXPECT_TRUE(is_open(owner.get()));
  int copy = -1;
  {
    const FileDescriptor owned(::dup(owner.get()));
    copy = owned.get();
    EXPECT_TRUE(is_open(copy));
  }
  EXPECT_FALSE(is_open(copy));
}

}  // namespace
}  // namespace common
