// A TCP proxy between invoice-app and payment-provider that loses, halves, delays and resets what
// passes through it, as networks do, only more often. It takes each connection to one of several
// upstreams, as a Kubernetes Service does.

#ifndef TESTS_CRASH_CHAOS_PROXY_H_
#define TESTS_CRASH_CHAOS_PROXY_H_

#include <atomic>
#include <cstdint>
#include <list>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "common/http/tcp.h"

namespace tests {

class ChaosProxy {
 public:
  // What it does to the n-th connection is decided by `seed` and n.
  ChaosProxy(std::vector<int> upstream_ports, std::uint64_t seed);
  ~ChaosProxy();
  ChaosProxy(const ChaosProxy&) = delete;
  ChaosProxy& operator=(const ChaosProxy&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(listener_.port()); }

  // From now on everything passes.
  void calm_down() { calm_ = true; }

  std::int64_t harmed() const { return harmed_; }

 private:
  using Random = std::mt19937_64;

  void accept();
  void relay(common::TcpConnection client, Random random);
  // Passes on what `from` has, if fate allows. False when the connection is to be closed.
  bool pass(common::TcpConnection& from, common::TcpConnection& to, Random& random);

  const std::vector<int> upstream_ports_;
  const std::uint64_t seed_;
  std::atomic<bool> calm_ = false;
  std::atomic<std::int64_t> harmed_ = 0;
  common::StopSignal stop_;
  common::TcpListener listener_;
  std::vector<std::thread> relays_;  // the acceptor's
  std::thread acceptor_;
};

}  // namespace tests

#endif  // TESTS_CRASH_CHAOS_PROXY_H_
