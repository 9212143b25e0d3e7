// Finds the addresses of a host within a time limit, which getaddrinfo() does not have: a lost
// response of a DNS server costs 5 s, a server that is down several times that.
//
// While DNS gives no answer, the addresses of the last answer are used, as RFC 8767 (Serving Stale
// Data) has it. The address of a Service of Kubernetes stays the same for as long as it exists.
// Not thread-safe: give each thread its own.

#ifndef COMMON_HTTP_ADDRESS_LOOKUP_H_
#define COMMON_HTTP_ADDRESS_LOOKUP_H_

#include <chrono>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <vector>

namespace common {

class AddressLookup {
 public:
  // Numeric addresses in the order in which to try them (RFC 6724).
  using Addresses = std::vector<std::string>;
  // Called by threads of their own. None: the host does not exist. std::nullopt: no answer.
  using Resolve = std::function<std::optional<Addresses>(const std::string& host)>;

  explicit AddressLookup(std::string host, Resolve resolve = resolve_host);

  // The addresses, or none if the host does not exist or none is known at `deadline`. Known ones
  // are used if a new answer takes longer than kLookupWait. The lookup then goes on, and the next
  // call waits for it instead of beginning another.
  Addresses find(std::chrono::steady_clock::time_point deadline);

  // Calls getaddrinfo().
  static std::optional<Addresses> resolve_host(const std::string& host);

 private:
  using Answer = std::future<std::optional<Addresses>>;

  Answer begin() const;

  std::string host_;
  Resolve resolve_;
  Answer answer_;  // valid during a lookup
  Addresses known_;
};

}  // namespace common

#endif  // COMMON_HTTP_ADDRESS_LOOKUP_H_
