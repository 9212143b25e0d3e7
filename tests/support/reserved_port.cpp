#include "tests/support/reserved_port.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

namespace tests {

ReservedPort::ReservedPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof address;
  const int on = 1;
  // SO_REUSEADDR lets a listener that sets it too have the port. After bind(), because before it
  // two reservations could get the same port.
  if (::bind(socket_.get(), generic, length) != 0 ||
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::getsockname(socket_.get(), generic, &length) != 0) {
    throw std::system_error(errno, std::generic_category(), "can't reserve a port");
  }
  number_ = ntohs(address.sin_port);
}

}  // namespace tests
