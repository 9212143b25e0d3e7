// Sockets of the HTTP server: a listener that many threads accept from, and connections whose every
// wait has a deadline. Linux.

#ifndef COMMON_HTTP_TCP_H_
#define COMMON_HTTP_TCP_H_

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/file_descriptor.h"

namespace common {

// A flag that whoever polls descriptors sees at once. Thread-safe; never lowered again.
class StopSignal {
 public:
  StopSignal();

  void raise();
  int fd() const { return event_.get(); }  // readable once raised

 private:
  FileDescriptor event_;
};

// One connection. Not thread-safe.
class TcpConnection {
 public:
  explicit TcpConnection(FileDescriptor socket) : socket_(std::move(socket)) {}

  // Whether there is something to read, or the peer has closed. False at the deadline, and as soon
  // as `stop` is raised.
  bool wait_readable(std::chrono::steady_clock::time_point deadline,
                     const StopSignal* stop = nullptr);

  // What is there to read, without waiting: up to `size` bytes. 0 when the peer has closed, -1 when
  // there is nothing now or the connection is broken.
  std::ptrdiff_t read(char* to, std::size_t size);

  // Whether all was written. False when the connection is broken, or takes less than
  // kWriteStallBytes in `longest_stall`.
  bool write_all(std::string_view bytes, std::chrono::milliseconds longest_stall);

  // Says that nothing more comes, and reads on for a little while, so that a peer that is still
  // sending gets to read the answer: closing with unread input would reset the connection
  // (RFC 9112, section 9.6).
  void close_lingering(std::chrono::steady_clock::time_point deadline);

  int fd() const { return socket_.get(); }

 private:
  FileDescriptor socket_;
};

// Thread-safe.
class TcpListener {
 public:
  // Takes a port that no other process has or shares; 0: any free one. Throws std::system_error,
  // with host and port in what().
  TcpListener(const std::string& host, int port);

  int port() const { return port_; }

  // The next connection, or nothing once shut_down() was called. Waits.
  std::optional<TcpConnection> accept();

  // Whether connections wait to be accepted.
  bool has_waiting() const;

  // Ends all waits in accept(), now and later. What waits to be accepted is refused.
  void shut_down();

 private:
  FileDescriptor socket_;
  int port_ = 0;
};

}  // namespace common

#endif  // COMMON_HTTP_TCP_H_
