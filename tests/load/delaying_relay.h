// A TCP relay that delivers everything later, as a network does: the bytes in both directions and
// the end of each. So a request can cross with the close of its connection.

#ifndef TESTS_LOAD_DELAYING_RELAY_H_
#define TESTS_LOAD_DELAYING_RELAY_H_

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <thread>

namespace tests {

class DelayingRelay {
 public:
  // Listens on a free port of 127.0.0.1, and connects each client with `upstream_port`.
  DelayingRelay(int upstream_port, std::chrono::milliseconds delay);
  ~DelayingRelay();  // closes all connections
  DelayingRelay(const DelayingRelay&) = delete;
  DelayingRelay& operator=(const DelayingRelay&) = delete;

  int port() const { return port_; }

 private:
  asio::io_context context_{1};
  asio::ip::tcp::acceptor acceptor_;
  int port_;
  std::thread thread_;
};

}  // namespace tests

#endif  // TESTS_LOAD_DELAYING_RELAY_H_
