#include "tests/load/delaying_relay.h"

#include <array>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <memory>
#include <system_error>
#include <utility>

namespace tests {
namespace {

using asio::use_awaitable;
using asio::ip::tcp;
using std::chrono::milliseconds;

tcp::endpoint on_loopback(int port) {
  return {asio::ip::address_v4::loopback(), static_cast<asio::ip::port_type>(port)};
}

// The two connections of one client, closed when both directions have ended.
struct Connections {
  tcp::socket client;
  tcp::socket upstream;
};

// One direction. Both the bytes and their end are passed on after the delay; a reset becomes an
// end.
asio::awaitable<void> pass(std::shared_ptr<Connections> connections, bool to_upstream,
                           milliseconds delay) {
  auto& from = to_upstream ? connections->client : connections->upstream;
  auto& to = to_upstream ? connections->upstream : connections->client;
  asio::steady_timer timer(from.get_executor());
  std::array<char, 16 * 1024> buffer{};
  std::error_code end;
  while (!end) {
    const std::size_t count = co_await from.async_read_some(
        asio::buffer(buffer), asio::redirect_error(use_awaitable, end));
    timer.expires_after(delay);
    co_await timer.async_wait(use_awaitable);
    if (!end) {
      co_await asio::async_write(to, asio::buffer(buffer, count),
                                 asio::redirect_error(use_awaitable, end));
    }
  }
  std::error_code ignored;
  to.shutdown(tcp::socket::shutdown_send, ignored);
}

asio::awaitable<void> accept(tcp::acceptor& acceptor, int upstream_port, milliseconds delay) {
  const auto executor = acceptor.get_executor();
  while (true) {
    tcp::socket client = co_await acceptor.async_accept(use_awaitable);
    const auto connections = std::make_shared<Connections>(
        Connections{.client = std::move(client), .upstream = tcp::socket(executor)});
    std::error_code failed;
    co_await connections->upstream.async_connect(on_loopback(upstream_port),
                                                 asio::redirect_error(use_awaitable, failed));
    if (failed) continue;
    connections->client.set_option(tcp::no_delay(true));
    connections->upstream.set_option(tcp::no_delay(true));
    asio::co_spawn(executor, pass(connections, true, delay), asio::detached);
    asio::co_spawn(executor, pass(connections, false, delay), asio::detached);
  }
}

}  // namespace

DelayingRelay::DelayingRelay(int upstream_port, milliseconds delay)
    : acceptor_(context_, on_loopback(0)), port_(acceptor_.local_endpoint().port()) {
  asio::co_spawn(context_, accept(acceptor_, upstream_port, delay), asio::detached);
  thread_ = std::thread([this] { context_.run(); });
}

DelayingRelay::~DelayingRelay() {
  context_.stop();
  thread_.join();
}

}  // namespace tests
