// A provider for tests of what pays: answers as a script says, counts its calls, and can keep them
// waiting. Its gateways all lead to it, as the connections of all replicas lead to one provider.
//
// Thread-safe; must outlive its gateways.

#ifndef INVOICE_APP_TESTING_FAKE_PAYMENT_GATEWAY_H_
#define INVOICE_APP_TESTING_FAKE_PAYMENT_GATEWAY_H_

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "invoice-app/payment_gateway.h"

namespace invoice_app {

class FakeProvider {
 public:
  // The answer to the nth call, from 1, with the claim's idempotency key. May throw. Called from
  // many threads at one time.
  using Script = std::function<PaymentAnswer(const Claim& claim, int nth)>;

  static PaymentAnswer paid(const Claim&, int) { return {PaymentAnswer::Kind::kPaid}; }
  static PaymentAnswer down(const Claim&, int) {
    return {PaymentAnswer::Kind::kUnknown, "connection refused"};
  }

  explicit FakeProvider(Script script = paid) : script_(std::move(script)) {}

  PaymentGatewayFactory gateways() {
    return [this] { return std::make_unique<Gateway>(*this); };
  }

  void answer_with(Script script) {
    std::lock_guard lock(mutex_);
    script_ = std::move(script);
  }

  // From here on calls wait. They give up at the deadline, so that a test that fails doesn't hang.
  void hold() {
    std::lock_guard lock(mutex_);
    is_holding_ = true;
  }
  // The calls that wait now go on; later ones wait.
  void let_waiting_go() {
    std::lock_guard lock(mutex_);
    let_go_through_ = calls_;
    changed_.notify_all();
  }
  void let_all_go() {
    std::lock_guard lock(mutex_);
    is_holding_ = false;
    changed_.notify_all();
  }

  int calls() const {
    std::lock_guard lock(mutex_);
    return calls_;
  }
  std::map<std::string, int> calls_by_invoice() const {
    std::lock_guard lock(mutex_);
    return calls_by_invoice_;
  }
  std::map<std::string, int> calls_by_key() const {
    std::lock_guard lock(mutex_);
    return calls_by_key_;
  }
  int most_at_once() const {
    std::lock_guard lock(mutex_);
    return most_at_once_;
  }

  // Waits until this many calls are under way; false when they aren't within the deadline.
  bool eventually_under_way(int count) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kDeadline, [&] { return under_way_ == count; });
  }

 private:
  static constexpr std::chrono::seconds kDeadline{20};  // generous: sanitizers are slow

  class Gateway : public PaymentGateway {
   public:
    explicit Gateway(FakeProvider& provider) : provider_(provider) {}
    PaymentAnswer pay(const Claim& claim) override { return provider_.pay(claim); }

   private:
    FakeProvider& provider_;
  };

  PaymentAnswer pay(const Claim& claim) {
    std::unique_lock lock(mutex_);
    const int number = ++calls_;
    const int nth = ++calls_by_key_[claim.idempotency_key()];
    ++calls_by_invoice_[claim.id];
    most_at_once_ = std::max(most_at_once_, ++under_way_);
    changed_.notify_all();
    changed_.wait_for(lock, kDeadline, [&] { return !is_holding_ || number <= let_go_through_; });
    const Script script = script_;
    lock.unlock();
    const AtEnd at_end(*this);
    return script(claim, nth);
  }

  // Ends a call, also when its script throws.
  class AtEnd {
   public:
    explicit AtEnd(FakeProvider& provider) : provider_(provider) {}
    ~AtEnd() {
      std::lock_guard lock(provider_.mutex_);
      --provider_.under_way_;
      provider_.changed_.notify_all();
    }
    AtEnd(const AtEnd&) = delete;
    AtEnd& operator=(const AtEnd&) = delete;

   private:
    FakeProvider& provider_;
  };

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  // Guarded by mutex_:
  Script script_;
  bool is_holding_ = false;
  int let_go_through_ = 0;  // number of the last call that needn't wait any more
  int calls_ = 0;
  int under_way_ = 0;
  int most_at_once_ = 0;
  std::map<std::string, int> calls_by_invoice_;
  std::map<std::string, int> calls_by_key_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_TESTING_FAKE_PAYMENT_GATEWAY_H_
