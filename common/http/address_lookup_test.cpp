#include "common/http/address_lookup.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "common/http/limits.h"
#include "tests/support/eventually.h"

namespace common {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;
using Addresses = AddressLookup::Addresses;

constexpr steady_clock::duration kShort = 20ms;
constexpr steady_clock::duration kLong = 30s;

// Each question waits for an answer.
class FakeDns {
 public:
  FakeDns() = default;
  ~FakeDns() { answer(std::nullopt); }  // ends a thread that waits
  FakeDns(const FakeDns&) = delete;
  FakeDns& operator=(const FakeDns&) = delete;

  void answer(std::optional<Addresses> addresses) {
    const std::lock_guard lock(state_->mutex);
    state_->answers.push_back(std::move(addresses));
    state_->changed.notify_all();
  }
  int questions() const {
    const std::lock_guard lock(state_->mutex);
    return state_->questions;
  }
  AddressLookup::Resolve resolve() {
    return [state = state_](const std::string&) {
      std::unique_lock lock(state->mutex);
      ++state->questions;
      state->changed.wait(lock, [&] { return !state->answers.empty(); });
      std::optional<Addresses> addresses = std::move(state->answers.front());
      state->answers.pop_front();
      return addresses;
    };
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::optional<Addresses>> answers;
    int questions = 0;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

Addresses find(AddressLookup& lookup, steady_clock::duration within) {
  return lookup.find(steady_clock::now() + within);
}

TEST(AddressLookup, FindsTheAddressesOfAHost) {
  AddressLookup lookup("localhost");
  const Addresses found = find(lookup, kLong);
  EXPECT_FALSE(found.empty());
  for (const std::string& address : found) {
    EXPECT_TRUE(address == "127.0.0.1" || address == "::1") << address;
  }
}

TEST(AddressLookup, DoesNotAskForNumericAddresses) {
  FakeDns dns;
  for (const std::string address : {"127.0.0.1", "::1"}) {
    AddressLookup lookup(address, dns.resolve());
    EXPECT_EQ(find(lookup, kShort), Addresses{address});
  }
  EXPECT_EQ(dns.questions(), 0);
}

TEST(AddressLookup, AsksAgainEachTime) {
  FakeDns dns;
  AddressLookup lookup("provider", dns.resolve());
  dns.answer(Addresses{"10.0.0.1"});
  EXPECT_EQ(find(lookup, kLong), Addresses{"10.0.0.1"});
  dns.answer(Addresses{"10.0.0.2", "10.0.0.3"});
  EXPECT_EQ(find(lookup, kLong), (Addresses{"10.0.0.2", "10.0.0.3"}));
  dns.answer(Addresses{});
  EXPECT_EQ(find(lookup, kLong), Addresses{});
}

TEST(AddressLookup, AHostThatIsUnknownEndsAtTheDeadline) {
  FakeDns dns;
  AddressLookup lookup("provider", dns.resolve());
  const auto begin = steady_clock::now();
  EXPECT_EQ(find(lookup, kShort), Addresses{});
  EXPECT_LT(steady_clock::now() - begin, kLong);
}

TEST(AddressLookup, ALookupThatTakesLongIsNotRepeated) {
  FakeDns dns;
  AddressLookup lookup("provider", dns.resolve());
  EXPECT_EQ(find(lookup, kShort), Addresses{});
  EXPECT_EQ(find(lookup, kShort), Addresses{});
  EXPECT_TRUE(tests::eventually([&] { return dns.questions() == 1; }));
}

TEST(AddressLookup, ALateAnswerIsKnownAndACallAfterItAsksAgain) {
  FakeDns dns;
  AddressLookup lookup("provider", dns.resolve());
  ASSERT_EQ(find(lookup, kShort), Addresses{});
  dns.answer(Addresses{"10.0.0.1"});
  EXPECT_TRUE(tests::eventually(
      [&] { return find(lookup, 0ms) == Addresses{"10.0.0.1"} && dns.questions() == 2; }));
}

TEST(AddressLookup, UsesKnownAddressesWhileThereIsNoAnswer) {
  FakeDns dns;
  AddressLookup lookup("provider", dns.resolve());
  dns.answer(Addresses{"10.0.0.1"});
  ASSERT_EQ(find(lookup, kLong), Addresses{"10.0.0.1"});

  dns.answer(std::nullopt);
  EXPECT_EQ(find(lookup, kLong), Addresses{"10.0.0.1"}) << "the lookup failed";
  const auto begin = steady_clock::now();
  EXPECT_EQ(find(lookup, kLong), Addresses{"10.0.0.1"}) << "the lookup takes long";
  EXPECT_GE(steady_clock::now() - begin, kLookupWait);
  EXPECT_LT(steady_clock::now() - begin, kLong);
}

}  // namespace
}  // namespace common
