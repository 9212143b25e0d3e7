// Sockets of tests: connecting, listening, and special ways to close.

#ifndef TESTS_SUPPORT_SOCKETS_H_
#define TESTS_SUPPORT_SOCKETS_H_

#include <chrono>
#include <optional>
#include <string>

#include "common/base/file_descriptor.h"
#include "common/http/connected_socket.h"

namespace tests {

// `host` is an IPv4 or IPv6 address. With a small receive buffer, the server's writes soon block
// when the test doesn't read. Throws std::system_error.
common::ConnectedSocket connect_to(const std::string& host, int port, int receive_buffer_bytes = 0);

// Makes the close a reset.
void reset_when_closed(const common::ConnectedSocket& connection);

// Ends the sending side and discards input until the peer closes: closing with unread input could
// destroy what was sent last (RFC 9112, section 9.6).
void wait_for_close(common::ConnectedSocket& connection,
                    std::chrono::steady_clock::time_point deadline);

// Listens on a free port. Thread-safe.
class Listener {
 public:
  // `host` is an IPv4 or IPv6 address. Throws std::system_error.
  explicit Listener(const std::string& host = "127.0.0.1");

  int port() const { return port_; }
  std::string url() const;

  // Waits for the next connection; nothing after shut_down().
  std::optional<common::ConnectedSocket> accept();

  // Ends all calls of accept(), current and later ones.
  void shut_down();

 private:
  const std::string host_;
  common::FileDescriptor socket_;
  int port_ = 0;
};

// False where a test cannot listen on ::1: the kernel has no IPv6, or the container has none, as
// with `docker run --network none`. Throws std::system_error for any other reason.
bool has_ipv6();

}  // namespace tests

#endif  // TESTS_SUPPORT_SOCKETS_H_
