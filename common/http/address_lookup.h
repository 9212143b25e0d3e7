// Finds the addresses of a host within a time limit, which getaddrinfo() does not have: a lost
// response of a DNS server costs 5 s, a server that is down several times that.
//
// While DNS gives no answer, the addresses of the last answer are used, as RFC 8767 (Serving Stale
// Data) has it. The address of a Service of Kubernetes stays the same for as long as it exists.
// So all clients of a process that call a host share one AddressLookup.
// Thread-safe.

#ifndef COMMON_HTTP_ADDRESS_LOOKUP_H_
#define COMMON_HTTP_ADDRESS_LOOKUP_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace common {

class AddressLookup {
 public:
  // Numeric addresses in the order in which to try them (RFC 6724).
  using Addresses = std::vector<std::string>;
  // Called by a thread of its own. None: the host does not exist. std::nullopt: no answer.
  using Resolve = std::function<std::optional<Addresses>(const std::string& host)>;

  explicit AddressLookup(std::string host, Resolve resolve = resolve_host);

  // The addresses, or none if the host does not exist or none is known at `deadline`. Known ones
  // are used if an answer takes longer than kLookupWait. Calls at the same time wait for one
  // lookup. What it finds after they have ended is known to later ones.
  Addresses find(std::chrono::steady_clock::time_point deadline);

  // Calls getaddrinfo().
  static std::optional<Addresses> resolve_host(const std::string& host);

 private:
  struct State;

  std::string host_;
  Resolve resolve_;
  std::shared_ptr<State> state_;  // also of the thread of a lookup, which can outlive this
};

}  // namespace common

#endif  // COMMON_HTTP_ADDRESS_LOOKUP_H_
