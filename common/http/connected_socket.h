// A connected TCP socket whose waits have a deadline. For the HTTP client and for tests.

#ifndef COMMON_HTTP_CONNECTED_SOCKET_H_
#define COMMON_HTTP_CONNECTED_SOCKET_H_

#include <chrono>
#include <cstddef>
#include <string_view>
#include <utility>

#include "common/base/file_descriptor.h"

namespace common {

// Not thread-safe.
class ConnectedSocket {
 public:
  explicit ConnectedSocket(FileDescriptor socket) : socket_(std::move(socket)) {}

  // Whether there is input, or the peer has closed. False from the deadline on, even with input.
  bool wait_readable(std::chrono::steady_clock::time_point deadline);

  // Reads up to `size` bytes without waiting. Returns their number, 0 when the peer has closed, -1
  // when there is no input or the connection is broken.
  std::ptrdiff_t read(char* to, std::size_t size);

  // False when the connection is broken, or the peer has not accepted all bytes by the deadline.
  bool write_all(std::string_view bytes, std::chrono::steady_clock::time_point deadline);

  int fd() const { return socket_.get(); }

 private:
  FileDescriptor socket_;
};

}  // namespace common

#endif  // COMMON_HTTP_CONNECTED_SOCKET_H_
