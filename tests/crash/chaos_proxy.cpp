#include "tests/crash/chaos_proxy.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <chrono>
#include <system_error>
#include <utility>

namespace tests {

using common::ConnectedSocket;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

ChaosProxy::ChaosProxy(std::vector<int> upstream_ports, std::uint64_t seed)
    : upstream_ports_(std::move(upstream_ports)),
      seed_(seed),
      stop_(::eventfd(0, EFD_CLOEXEC)),
      acceptor_([this] { accept(); }) {}

ChaosProxy::~ChaosProxy() {
  listener_.shut_down();
  ::eventfd_write(stop_.get(), 1);
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

void ChaosProxy::relay(ConnectedSocket client, Random random) try {
  auto upstream = connect_to("127.0.0.1", upstream_ports_[random() % upstream_ports_.size()]);
  while (true) {
    std::array<pollfd, 3> fds = {pollfd{.fd = client.fd(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = upstream.fd(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = stop_.get(), .events = POLLIN, .revents = 0}};
    ::poll(fds.data(), fds.size(), -1);
    if (fds[2].revents != 0) return;
    if (fds[0].revents != 0 && !pass(client, upstream, random)) return;
    if (fds[1].revents != 0 && !pass(upstream, client, random)) return;
  }
} catch (const std::system_error&) {  // no upstream there: closes the client's connection
}

bool ChaosProxy::pass(ConnectedSocket& from, ConnectedSocket& to, Random& random) {
  std::array<char, 16 * 1024> buffer{};
  const std::ptrdiff_t count = from.read(buffer.data(), buffer.size());
  if (count <= 0) return false;
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));

  const auto write_deadline = steady_clock::now() + milliseconds(1000);
  const auto percent = random() % 100;
  if (calm_ || percent >= 10) return to.write_all(bytes, write_deadline);
  ++harmed_;
  if (percent < 4) {  // delayed
    if (from.wait_readable(steady_clock::now() + milliseconds(random() % 30))) return false;
    return to.write_all(bytes, write_deadline);
  }
  if (percent < 6) {  // truncated
    to.write_all(bytes.substr(0, bytes.size() / 2), write_deadline);
  } else if (percent < 8) {  // passed on, and then nothing more in either direction
    to.write_all(bytes, write_deadline);
  } else if (percent < 9) {  // reset
    reset_when_closed(from);
    reset_when_closed(to);
  }
  return false;  // 9: closed, and nothing is passed on
}

}  // namespace tests
