#include "common/http/address_lookup.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include "common/http/limits.h"

namespace common {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

// Without DNS if `flags` has AI_NUMERICHOST.
std::optional<AddressLookup::Addresses> get_addresses(const std::string& host, int flags) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error == EAI_NONAME) return AddressLookup::Addresses();
  if (error != 0) return std::nullopt;
  const std::unique_ptr<addrinfo, FreeAddresses> owner(list);

  AddressLookup::Addresses addresses;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    std::array<char, NI_MAXHOST> text = {};
    if (::getnameinfo(entry->ai_addr, entry->ai_addrlen, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) == 0) {
      addresses.emplace_back(text.data());
    }
  }
  return addresses;
}

}  // namespace

AddressLookup::AddressLookup(std::string host, Resolve resolve)
    : host_(std::move(host)), resolve_(std::move(resolve)) {}

std::optional<AddressLookup::Addresses> AddressLookup::resolve_host(const std::string& host) {
  return get_addresses(host, 0);
}

AddressLookup::Addresses AddressLookup::find(std::chrono::steady_clock::time_point deadline) {
  if (auto numeric = get_addresses(host_, AI_NUMERICHOST); numeric && !numeric->empty())
    return std::move(*numeric);
  try {
    if (!answer_.valid()) answer_ = begin();
  } catch (const std::system_error&) {  // no thread can be started
    return known_;
  }
  const auto enough = known_.empty()
                          ? deadline
                          : std::min(deadline, std::chrono::steady_clock::now() + kLookupWait);
  if (answer_.wait_until(enough) == std::future_status::ready) {
    if (auto addresses = answer_.get()) known_ = std::move(*addresses);
  }
  return known_;
}

// The thread is detached, because nothing can end getaddrinfo().
AddressLookup::Answer AddressLookup::begin() const {
  std::promise<std::optional<Addresses>> promise;
  Answer answer = promise.get_future();
  std::thread([promise = std::move(promise), resolve = resolve_, host = host_]() mutable {
    promise.set_value(resolve(host));
  }).detach();
  return answer;
}

}  // namespace common
