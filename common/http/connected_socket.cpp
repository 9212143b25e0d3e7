#include "common/http/connected_socket.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

namespace common {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

int milliseconds_until(steady_clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

// False from the deadline on, even if `fd` is ready: it always is if the peer never stops sending.
bool wait_for(int fd, short events, steady_clock::time_point deadline) {
  pollfd polled{.fd = fd, .events = events, .revents = 0};
  while (steady_clock::now() < deadline) {
    const int ready = ::poll(&polled, 1, milliseconds_until(deadline));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
  return false;
}

}  // namespace

bool ConnectedSocket::wait_readable(steady_clock::time_point deadline) {
  return wait_for(fd(), POLLIN, deadline);
}

std::ptrdiff_t ConnectedSocket::read(char* to, std::size_t size) {
  return ::recv(fd(), to, size, MSG_DONTWAIT);
}

bool ConnectedSocket::write_all(std::string_view bytes, steady_clock::time_point deadline) {
  while (!bytes.empty()) {
    const ssize_t written = ::send(fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      if (!wait_for(fd(), POLLOUT, deadline)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace common
