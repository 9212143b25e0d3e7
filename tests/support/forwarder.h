// A TCP forwarder whose network can be cut: nothing gets through, and no side sees a close.
//
// Thread-safe.

#ifndef TESTS_SUPPORT_FORWARDER_H_
#define TESTS_SUPPORT_FORWARDER_H_

#include <atomic>
#include <thread>
#include <vector>

#include "common/http/connected_socket.h"
#include "tests/support/sockets.h"

namespace tests {

class Forwarder {
 public:
  // To a port of 127.0.0.1.
  explicit Forwarder(int to_port);
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  int port() const { return listener_.port(); }

  // Connections are accepted while the network is cut, but nothing is passed on.
  void cut() { is_cut_ = true; }
  // What was sent meanwhile is passed on.
  void restore() { is_cut_ = false; }

 private:
  void accept();
  void relay(common::ConnectedSocket client) const;

  const int to_port_;
  std::atomic<bool> is_cut_ = false;
  std::atomic<bool> is_stopping_ = false;
  Listener listener_;
  std::vector<std::thread> relays_;  // for the acceptor thread
  std::thread acceptor_;
};

}  // namespace tests

#endif  // TESTS_SUPPORT_FORWARDER_H_
