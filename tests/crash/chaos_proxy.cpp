#include "tests/crash/chaos_proxy.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <optional>
#include <utility>

namespace tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::optional<common::TcpConnection> connect_to(int port) {
  common::FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return std::nullopt;
  }
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return common::TcpConnection(std::move(socket));
}

void reset_when_closed(const common::TcpConnection& connection) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(connection.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace

ChaosProxy::ChaosProxy(std::vector<int> upstream_ports, std::uint64_t seed)
    : upstream_ports_(std::move(upstream_ports)),
      seed_(seed),
      listener_("127.0.0.1", 0),
      acceptor_([this] { accept(); }) {}

ChaosProxy::~ChaosProxy() {
  listener_.shut_down();
  stop_.raise();
  acceptor_.join();
  for (std::thread& relay : relays_) relay.join();
}

void ChaosProxy::accept() {
  for (std::uint64_t number = 0; auto connection = listener_.accept(); ++number) {
    relays_.emplace_back([this, client = std::move(*connection),
                          random = Random(seed_ * 1'000'003 + number)]() mutable {
      relay(std::move(client), random);
    });
  }
}

void ChaosProxy::relay(common::TcpConnection client, Random random) {
  auto upstream = connect_to(upstream_ports_[random() % upstream_ports_.size()]);
  if (!upstream) return;
  while (true) {
    std::array<pollfd, 3> fds = {pollfd{.fd = client.fd(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = upstream->fd(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = stop_.fd(), .events = POLLIN, .revents = 0}};
    ::poll(fds.data(), fds.size(), -1);
    if (fds[2].revents != 0) return;
    if (fds[0].revents != 0 && !pass(client, *upstream, random)) return;
    if (fds[1].revents != 0 && !pass(*upstream, client, random)) return;
  }
}

bool ChaosProxy::pass(common::TcpConnection& from, common::TcpConnection& to, Random& random) {
  constexpr milliseconds kStall(1000);
  std::array<char, 16 * 1024> buffer{};
  const std::ptrdiff_t count = from.read(buffer.data(), buffer.size());
  if (count <= 0) return false;
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));

  const auto percent = random() % 100;
  if (calm_ || percent >= 10) return to.write_all(bytes, kStall);
  ++harmed_;
  if (percent < 4) {  // delayed
    if (from.wait_readable(steady_clock::now() + milliseconds(random() % 30), &stop_)) return false;
    return to.write_all(bytes, kStall);
  }
  if (percent < 6) {  // truncated
    to.write_all(bytes.substr(0, bytes.size() / 2), kStall);
  } else if (percent < 8) {  // passed on, and then nothing more in either direction
    to.write_all(bytes, kStall);
  } else if (percent < 9) {  // reset
    reset_when_closed(from);
    reset_when_closed(to);
  }
  return false;  // 9: closed, and nothing is passed on
}

}  // namespace tests
