#include "common/base/file_descriptor.h"

#include <unistd.h>

#include <utility>

namespace common {

FileDescriptor FileDescriptor::borrow(int fd) {
  FileDescriptor borrowed(fd);
  borrowed.is_owned_ = false;
  return borrowed;
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0 && is_owned_) ::close(fd_);
}

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), is_owned_(other.is_owned_) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(is_owned_, other.is_owned_);
  return *this;
}

}  // namespace common
