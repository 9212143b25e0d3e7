#include "tests/support/forwarder.h"

#include <poll.h>

#include <array>
#include <chrono>
#include <string_view>
#include <system_error>
#include <utility>

namespace tests {
namespace {

using common::ConnectedSocket;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How soon a relay notices that the network was cut, or that the forwarder stops.
constexpr milliseconds kTick{5};

// False when one side is gone.
bool pass(ConnectedSocket& from, ConnectedSocket& to) {
  std::array<char, 16 * 1024> buffer{};
  const std::ptrdiff_t count = from.read(buffer.data(), buffer.size());
  return count > 0 && to.write_all({buffer.data(), static_cast<std::size_t>(count)},
                                   steady_clock::now() + std::chrono::seconds(1));
}

}  // namespace

Forwarder::Forwarder(int to_port) : to_port_(to_port), acceptor_([this] { accept(); }) {}

Forwarder::~Forwarder() {
  is_stopping_ = true;
  listener_.shut_down();
  acceptor_.join();
  for (std::thread& relay : relays_) relay.join();
}

void Forwarder::accept() {
  while (auto client = listener_.accept()) {
    relays_.emplace_back([this, client = std::move(*client)]() mutable {
      try {
        relay(std::move(client));
      } catch (const std::system_error&) {  // nobody listens there: closes the client's connection
      }
    });
  }
}

void Forwarder::relay(ConnectedSocket client) const {
  ConnectedSocket server = connect_to("127.0.0.1", to_port_);
  while (!is_stopping_) {
    std::array<pollfd, 2> fds = {pollfd{.fd = client.fd(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = server.fd(), .events = POLLIN, .revents = 0}};
    ::poll(is_cut_ ? nullptr : fds.data(), is_cut_ ? 0 : fds.size(), kTick.count());
    if (is_cut_) continue;
    if (fds[0].revents != 0 && !pass(client, server)) return;
    if (fds[1].revents != 0 && !pass(server, client)) return;
  }
}

}  // namespace tests
