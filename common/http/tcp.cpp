#include "common/http/tcp.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <thread>
#include <utility>

#include "common/http/limits.h"

namespace common {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

[[noreturn]] void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

int milliseconds_until(steady_clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

// Whether `fd` became ready for `events` before the deadline and before `stop_fd` became readable.
// Not after the deadline, though it be ready: a peer that sends without end always is.
bool wait_for(int fd, short events, steady_clock::time_point deadline, int stop_fd = -1) {
  std::array<pollfd, 2> fds = {pollfd{.fd = fd, .events = events, .revents = 0},
                               pollfd{.fd = stop_fd, .events = POLLIN, .revents = 0}};
  while (steady_clock::now() < deadline) {
    const int ready = ::poll(fds.data(), fds.size(), milliseconds_until(deadline));
    if (ready > 0) return fds[1].revents == 0;
    if (ready < 0 && errno != EINTR) return false;
  }
  return false;
}

void set_option(const FileDescriptor& socket, int level, int option) {
  const int on = 1;
  ::setsockopt(socket.get(), level, option, &on, sizeof on);
}

}  // namespace

StopSignal::StopSignal() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (event_.get() < 0) throw_errno("eventfd");
}

void StopSignal::raise() {
  const std::uint64_t one = 1;
  // Fails only if the counter is full, that is, raised already.
  [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof one);
}

bool TcpConnection::wait_readable(steady_clock::time_point deadline, const StopSignal* stop) {
  return wait_for(fd(), POLLIN, deadline, stop == nullptr ? -1 : stop->fd());
}

std::ptrdiff_t TcpConnection::read(char* to, std::size_t size) {
  return ::recv(fd(), to, size, MSG_DONTWAIT);
}

bool TcpConnection::write_all(std::string_view bytes, milliseconds longest_stall) {
  while (!bytes.empty()) {
    std::string_view piece = bytes.substr(0, kWriteStallBytes);
    bytes.remove_prefix(piece.size());
    const auto deadline = steady_clock::now() + longest_stall;
    while (!piece.empty()) {
      const ssize_t written = ::send(fd(), piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (written > 0) {
        piece.remove_prefix(static_cast<std::size_t>(written));
      } else if (errno == EAGAIN) {
        if (!wait_for(fd(), POLLOUT, deadline)) return false;
      } else if (errno != EINTR) {
        return false;
      }
    }
  }
  return true;
}

void TcpConnection::close_lingering(steady_clock::time_point deadline) {
  if (::shutdown(fd(), SHUT_WR) != 0) return;
  std::array<char, 4096> unread{};
  while (wait_readable(deadline) && read(unread.data(), unread.size()) > 0) {
  }
}

TcpListener::TcpListener(const std::string& host, int port)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const std::string where = host + ":" + std::to_string(port);
  if (socket_.get() < 0) throw_errno("can't make a socket for " + where);
  // Not SO_REUSEPORT, with which two processes would share the port in silence.
  set_option(socket_, SOL_SOCKET, SO_REUSEADDR);

  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
    throw std::system_error(EINVAL, std::generic_category(), "not an IPv4 address: " + host);
  }
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof address;
  if (::bind(socket_.get(), generic, length) != 0 || ::listen(socket_.get(), kBacklog) != 0 ||
      ::getsockname(socket_.get(), generic, &length) != 0) {
    throw_errno("can't listen on " + where);
  }
  port_ = ntohs(address.sin_port);
}

std::optional<TcpConnection> TcpListener::accept() {
  while (true) {
    FileDescriptor socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (socket.get() >= 0) {
      set_option(socket, IPPROTO_TCP, TCP_NODELAY);
      return TcpConnection(std::move(socket));
    }
    if (errno == EINVAL || errno == EBADF) return std::nullopt;  // shut down
    // The connection was gone before it was accepted; or there are no descriptors or no memory
    // left, which passes when other connections end.
    if (errno != ECONNABORTED && errno != EINTR) std::this_thread::sleep_for(milliseconds(10));
  }
}

bool TcpListener::has_waiting() const {
  pollfd fd{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&fd, 1, 0) == 1 && (fd.revents & POLLIN) != 0;
}

void TcpListener::shut_down() { ::shutdown(socket_.get(), SHUT_RDWR); }

}  // namespace common
