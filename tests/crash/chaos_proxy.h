// A TCP proxy that loses, truncates, delays and resets what passes through it, as networks do, but
// more often. It connects each client with one of several upstreams, as a Kubernetes Service does.
//
// Batches of payments it passes on as a whole. It can shorten their requests, damage their
// responses (batch_damage.h), and respond as a provider that does not accept batches.

#ifndef TESTS_CRASH_CHAOS_PROXY_H_
#define TESTS_CRASH_CHAOS_PROXY_H_

#include <atomic>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "common/base/file_descriptor.h"
#include "common/http/connected_socket.h"
#include "tests/support/sockets.h"

namespace tests {

class ChaosProxy {
 public:
  // `seed` and n decide what it does to the n-th connection.
  ChaosProxy(std::vector<int> upstream_ports, std::uint64_t seed);
  ~ChaosProxy();
  ChaosProxy(const ChaosProxy&) = delete;
  ChaosProxy& operator=(const ChaosProxy&) = delete;

  std::string url() const { return listener_.url(); }

  // Passes everything on from now on.
  void calm_down() { calm_ = true; }

  // Whether batches of payments get to the upstreams. At first they do.
  void accept_batches(bool accepts) { accepts_batches_ = accepts; }

  // How many pieces of traffic it did not pass on at once and unchanged.
  std::int64_t harmed() const { return harmed_; }

  // How many batches of payments got a complete response from an upstream.
  std::int64_t batches() const { return batches_; }

 private:
  using Random = std::mt19937_64;
  class Relay;  // of one connection

  void accept();

  const std::vector<int> upstream_ports_;
  const std::uint64_t seed_;
  std::atomic<bool> calm_ = false;
  std::atomic<bool> accepts_batches_ = true;
  std::atomic<std::int64_t> harmed_ = 0;
  std::atomic<std::int64_t> batches_ = 0;
  const common::FileDescriptor stop_;  // readable once the relays must end
  Listener listener_;
  std::vector<std::thread> relays_;  // for the acceptor thread
  std::thread acceptor_;
};

}  // namespace tests

#endif  // TESTS_CRASH_CHAOS_PROXY_H_
