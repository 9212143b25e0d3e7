#include "common/http/address_lookup.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include "common/base/mutex.h"
#include "common/http/limits.h"

namespace common {

using std::chrono::steady_clock;

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

struct AddressLookup::State {
  void end_lookup(std::optional<Addresses> answer) {
    const MutexLock lock(mutex);
    if (answer) known = std::move(*answer);
    is_asking = false;
    ++answers;
    changed.notify_all();
  }

  Mutex mutex;
  CondVar changed;
  Addresses known GUARDED_BY(mutex);
  bool is_asking GUARDED_BY(mutex) = false;
  int answers GUARDED_BY(mutex) = 0;  // ended lookups
  steady_clock::time_point asked_at GUARDED_BY(mutex);
};

AddressLookup::AddressLookup(std::string host, Resolve resolve)
    : host_(std::move(host)), resolve_(std::move(resolve)), state_(std::make_shared<State>()) {}

std::optional<AddressLookup::Addresses> AddressLookup::resolve_host(const std::string& host) {
  return get_addresses(host, 0);
}

AddressLookup::Addresses AddressLookup::find(steady_clock::time_point deadline) {
  if (auto numeric = get_addresses(host_, AI_NUMERICHOST); numeric && !numeric->empty())
    return std::move(*numeric);

  MutexLock lock(state_->mutex);
  if (!state_->is_asking) {
    try {
      // Detached, because nothing can end getaddrinfo().
      std::thread([state = state_, resolve = resolve_, host = host_] {
        state->end_lookup(resolve(host));
      }).detach();
    } catch (const std::system_error&) {  // no thread can be started
      return state_->known;
    }
    state_->is_asking = true;
    state_->asked_at = steady_clock::now();
  }
  const auto enough =
      state_->known.empty() ? deadline : std::min(deadline, state_->asked_at + kLookupWait);
  state_->changed.wait_until(lock, enough, [&, before = state_->answers]() REQUIRES(state_->mutex) {
    return state_->answers != before;
  });
  return state_->known;
}

}  // namespace common
