#include "tests/support/sockets.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

#include "common/http/base_url.h"

namespace tests {
namespace {

using common::ConnectedSocket;
using common::FileDescriptor;
using Address = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

[[noreturn]] void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

Address address_of(const std::string& host, int port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    throw std::system_error(EINVAL, std::generic_category(), "not an IP address: " + host);
  }
  return {found, &::freeaddrinfo};
}

FileDescriptor socket_for(const Address& address) {
  return FileDescriptor(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

void send_without_delay(const FileDescriptor& socket) {
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

ConnectedSocket connect_to(const std::string& host, int port, int receive_buffer_bytes) {
  const Address address = address_of(host, port);
  FileDescriptor socket = socket_for(address);
  send_without_delay(socket);
  if (receive_buffer_bytes > 0) {  // works only before the connection is made
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                 sizeof receive_buffer_bytes);
  }
  if (::connect(socket.get(), address->ai_addr, address->ai_addrlen) != 0) throw_errno("connect");
  return ConnectedSocket(std::move(socket));
}

void reset_when_closed(const ConnectedSocket& connection) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(connection.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void wait_for_close(ConnectedSocket& connection, std::chrono::steady_clock::time_point deadline) {
  ::shutdown(connection.fd(), SHUT_WR);
  std::array<char, 4096> unread{};
  while (connection.wait_readable(deadline) && connection.read(unread.data(), unread.size()) > 0) {
  }
}

Listener::Listener(const std::string& host) : host_(host) {
  const Address address = address_of(host, 0);
  socket_ = socket_for(address);
  sockaddr_in bound{};  // of IPv6, the first bytes: the port is in the same place
  socklen_t length = sizeof bound;
  if (::bind(socket_.get(), address->ai_addr, address->ai_addrlen) != 0 ||
      ::listen(socket_.get(), SOMAXCONN) != 0 ||
      ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&bound), &length) != 0) {
    throw_errno("can't listen on " + host);
  }
  port_ = ntohs(bound.sin_port);
}

std::string Listener::url() const { return common::to_string({.host = host_, .port = port_}); }

std::optional<ConnectedSocket> Listener::accept() {
  while (true) {
    FileDescriptor socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (socket.get() >= 0) {
      send_without_delay(socket);
      return ConnectedSocket(std::move(socket));
    }
    if (errno != ECONNABORTED && errno != EINTR) return std::nullopt;
  }
}

void Listener::shut_down() { ::shutdown(socket_.get(), SHUT_RDWR); }

bool has_ipv6() {
  try {
    Listener listener("::1");
    return true;
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::address_not_available ||
        error.code() == std::errc::address_family_not_supported) {
      return false;
    }
    throw;
  }
}

}  // namespace tests
