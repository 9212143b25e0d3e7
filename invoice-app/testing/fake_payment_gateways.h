// Fake gateways that share one script, as replicas share one provider. The calls are counted, and a
// test can hold them.
//
// Thread-safe. Must outlive the gateways.

#ifndef INVOICE_APP_TESTING_FAKE_PAYMENT_GATEWAYS_H_
#define INVOICE_APP_TESTING_FAKE_PAYMENT_GATEWAYS_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "invoice-app/payment_gateway.h"

namespace invoice_app {

class FakePaymentGateways {
 public:
  // The answer to the nth call (from 1) with the claim's idempotency key. May throw. Called
  // concurrently.
  using Script = std::function<PaymentAnswer(const Claim& claim, int nth)>;

  static PaymentAnswer paid(const Claim&, int) { return {PaymentAnswer::Kind::kPaid}; }
  static PaymentAnswer down(const Claim&, int) {
    return {PaymentAnswer::Kind::kUnknown, "connection refused"};
  }

  explicit FakePaymentGateways(Script script = paid) : script_(std::move(script)) {}

  PaymentGatewayFactory factory() {
    return [this] { return std::make_unique<Gateway>(*this); };
  }

  void answer_with(Script script) {
    common::MutexLock lock(mutex_);
    script_ = std::move(script);
  }

  // Blocks calls from now on, until released or the timeout.
  void hold() {
    common::MutexLock lock(mutex_);
    is_holding_ = true;
  }
  // The calls that wait now continue; later ones wait.
  void let_waiting_continue() {
    common::MutexLock lock(mutex_);
    may_continue_through_ = calls_;
    changed_.notify_all();
  }
  // All calls continue, also later ones.
  void let_all_continue() {
    common::MutexLock lock(mutex_);
    is_holding_ = false;
    changed_.notify_all();
  }

  // Whether the provider has the endpoint for batches.
  void take_batches(bool takes) {
    common::MutexLock lock(mutex_);
    takes_batches_ = takes;
  }
  // Of all batches, in order, with those that were not taken.
  std::vector<std::size_t> batch_sizes() const {
    common::MutexLock lock(mutex_);
    return batch_sizes_;
  }

  // Calls that were taken; those for a batch count once.
  int calls() const {
    common::MutexLock lock(mutex_);
    return calls_;
  }
  std::map<std::string, int> calls_by_invoice() const {
    common::MutexLock lock(mutex_);
    return calls_by_invoice_;
  }
  std::map<std::string, int> calls_by_key() const {
    common::MutexLock lock(mutex_);
    return calls_by_key_;
  }
  int most_in_flight() const {
    common::MutexLock lock(mutex_);
    return most_in_flight_;
  }

  // Waits until this many calls are in flight. Returns false after kTimeout.
  bool eventually_in_flight(int count) const {
    common::MutexLock lock(mutex_);
    return changed_.wait_for(lock, kTimeout,
                             [&]() REQUIRES(mutex_) { return in_flight_ == count; });
  }

 private:
  static constexpr std::chrono::seconds kTimeout{20};  // long, because sanitizers are slow

  class Gateway : public PaymentGateway {
   public:
    explicit Gateway(FakePaymentGateways& gateways) : gateways_(gateways) {}
    PaymentAnswer pay(const Claim& claim) override { return gateways_.pay({&claim, 1}).front(); }
    BatchAnswer pay_batch(std::span<const Claim> claims) override {
      return gateways_.pay_batch(claims);
    }

   private:
    FakePaymentGateways& gateways_;
  };

  BatchAnswer pay_batch(std::span<const Claim> claims) {
    {
      common::MutexLock lock(mutex_);
      batch_sizes_.push_back(claims.size());
      if (!takes_batches_) return {.not_taken = "HTTP 404"};
    }
    return {.answers = pay(claims)};
  }

  std::vector<PaymentAnswer> pay(std::span<const Claim> claims) {
    common::MutexLock lock(mutex_);
    const int number = ++calls_;
    std::vector<int> nth;
    for (const Claim& claim : claims) {
      nth.push_back(++calls_by_key_[claim.idempotency_key()]);
      ++calls_by_invoice_[claim.id];
    }
    most_in_flight_ = std::max(most_in_flight_, ++in_flight_);
    changed_.notify_all();
    changed_.wait_for(lock, kTimeout, [&]() REQUIRES(mutex_) {
      return !is_holding_ || number <= may_continue_through_;
    });
    const Script script = script_;
    lock.unlock();
    const AtEnd at_end(*this);
    std::vector<PaymentAnswer> answers;
    for (std::size_t i = 0; i < claims.size(); ++i) answers.push_back(script(claims[i], nth[i]));
    return answers;
  }

  // Ends a call, also when its script throws.
  class AtEnd {
   public:
    explicit AtEnd(FakePaymentGateways& gateways) : gateways_(gateways) {}
    ~AtEnd() {
      common::MutexLock lock(gateways_.mutex_);
      --gateways_.in_flight_;
      gateways_.changed_.notify_all();
    }
    AtEnd(const AtEnd&) = delete;
    AtEnd& operator=(const AtEnd&) = delete;

   private:
    FakePaymentGateways& gateways_;
  };

  mutable common::Mutex mutex_;
  mutable common::CondVar changed_;
  Script script_ GUARDED_BY(mutex_);
  bool takes_batches_ GUARDED_BY(mutex_) = true;
  std::vector<std::size_t> batch_sizes_ GUARDED_BY(mutex_);
  bool is_holding_ GUARDED_BY(mutex_) = false;
  int may_continue_through_ GUARDED_BY(mutex_) = 0;  // number of a call
  int calls_ GUARDED_BY(mutex_) = 0;
  int in_flight_ GUARDED_BY(mutex_) = 0;
  int most_in_flight_ GUARDED_BY(mutex_) = 0;
  std::map<std::string, int> calls_by_invoice_ GUARDED_BY(mutex_);
  std::map<std::string, int> calls_by_key_ GUARDED_BY(mutex_);
};

}  // namespace invoice_app

#endif  // INVOICE_APP_TESTING_FAKE_PAYMENT_GATEWAYS_H_
