#include "invoice-app/payment_workers.h"

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

#include "common/base/threads.h"
#include "common/log/log.h"

namespace invoice_app {
namespace {

using common::MutexLock;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

PaymentWorkersOptions checked(PaymentWorkersOptions options) {
  if (!options.caller.fit_into(options.lease)) {
    throw std::invalid_argument("the lease must last longer than a call and than a retry delay");
  }
  return options;
}

}  // namespace

PaymentWorkers::PaymentWorkers(InvoiceStore& store, PaymentGatewayFactory make_gateway,
                               const common::Clock& clock, PayMetrics& metrics,
                               PaymentWorkersOptions options)
    : store_(store),
      make_gateway_(std::move(make_gateway)),
      clock_(clock),
      options_(checked(std::move(options))),
      caller_(clock, metrics, options_.caller),
      claim_limit_(options_.concurrency),
      request_id_(common::new_request_id()) {
  bookkeeper_ = std::thread([this] { keep_books(); });
  try {
    common::start_threads(call_threads_, options_.concurrency, "payments",
                          [this] { make_calls(); });
  } catch (...) {
    stop();
    throw;
  }
}

PaymentWorkers::~PaymentWorkers() { stop(); }

void PaymentWorkers::wake(const std::string& request_id) {
  caller_.breaker().try_again();
  {
    MutexLock lock(mutex_);
    request_id_ = request_id;
    look_now_ = true;
  }
  books_.notify_one();
}

std::int64_t PaymentWorkers::settlements() const {
  MutexLock lock(mutex_);
  return settlement_count_;
}

void PaymentWorkers::set_settlement_listener(std::function<void()> listener) {
  MutexLock lock(listener_mutex_);
  settlement_listener_ = std::move(listener);
}

void PaymentWorkers::stop() {
  {
    MutexLock lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  items_.notify_all();
  for (std::thread& thread : call_threads_) thread.join();
  {
    MutexLock lock(mutex_);
    calls_ended_ = true;
  }
  books_.notify_one();
  bookkeeper_.join();
  try {
    store_.release(options_.owner);
  } catch (const std::exception& error) {
    common::log_warn("can't release claims; their leases will expire", {{"error", error.what()}});
  }
}

void PaymentWorkers::keep_books() {
  MutexLock lock(mutex_);
  while (true) {
    while (!calls_ended_ && !must_settle() && claimable() == 0) {
      books_.wait_until(lock, next_change());
    }
    if (calls_ended_ && unsettled_.empty()) return;

    const std::size_t limit = claimable();
    if (limit > 0) look_now_ = false;  // before the claim, so that a wake() during it counts
    std::vector<Settlement> settlements;
    if (must_settle()) settlements.swap(unsettled_);

    lock.unlock();
    if (limit > 0) claim(limit);  // first, so that calls continue while the settlements are written
    if (!settlements.empty()) settle(settlements);
    lock.lock();
  }
}

bool PaymentWorkers::must_settle() const {
  if (unsettled_.empty()) return false;
  return unsettled_.size() >= options_.max_settle || is_idle() || calls_ended_ ||
         steady_clock::now() >= settle_at_;
}

PaymentWorkers::SteadyTime PaymentWorkers::next_look() const {
  if (look_now_) return {};
  const bool retries_wait = clock_.now() <= last_retry_;
  return last_look_ + (retries_wait ? options_.retry_look_interval : options_.look_interval);
}

std::size_t PaymentWorkers::claimable() const {
  const auto now = steady_clock::now();
  if (stopping_ || now < next_look()) return 0;
  switch (breaker().state(now)) {
    case CircuitBreaker::State::kOpen:
      return 0;
    case CircuitBreaker::State::kHalfOpen:
      return is_idle() && unsettled_.empty() ? 1 : 0;
    case CircuitBreaker::State::kClosed:
      return queue_.size() < claim_limit_ / 2 + 1 ? claim_limit_ : 0;
  }
  return 0;
}

PaymentWorkers::SteadyTime PaymentWorkers::next_change() const {
  const auto now = steady_clock::now();
  SteadyTime change = next_look();
  if (change <= now) {
    // The breaker's pause prevents the claim, or calls in flight, which notify when they end.
    const auto pause = breaker().pause_left(now);
    change = now + (pause > milliseconds(0) ? pause : options_.look_interval);
  }
  return unsettled_.empty() ? change : std::min(change, settle_at_);
}

void PaymentWorkers::claim(std::size_t limit) {
  const common::WallTime wall_now = clock_.now();
  const Lease lease{options_.owner, wall_now, wall_now + options_.lease};
  std::vector<Claim> claims;
  try {
    claims = store_.claim(lease, limit);
  } catch (const std::exception& error) {
    common::log_error("can't claim invoices", {{"error", error.what()}});
  }

  const auto now = steady_clock::now();
  {
    MutexLock lock(mutex_);
    // Claims grow while they are used up quickly, else they shrink: with a slow provider this
    // process holds few invoices that another replica could send.
    constexpr milliseconds kQuick(500);
    claim_limit_ = now - last_look_ < kQuick ? std::min(2 * claim_limit_, options_.max_claim)
                                             : std::max(claim_limit_ / 2, options_.concurrency);
    last_look_ = now;
    look_now_ = look_now_ || claims.size() == limit;
    for (Claim& claim : claims) queue_.push_back({std::move(claim), lease.until, request_id_});
  }
  items_.notify_all();
}

void PaymentWorkers::settle(const std::vector<Settlement>& settlements) {
  try {
    store_.settle(options_.owner, settlements);
  } catch (const std::exception& error) {
    // The results are lost, but not the payments: when the leases have expired, the same keys are
    // sent again and the provider repeats its answers.
    common::log_error("can't settle payments; they will be retried",
                      {{"count", settlements.size()}, {"error", error.what()}});
    return;
  }
  const common::WallTime now = clock_.now();
  {
    MutexLock lock(mutex_);
    ++settlement_count_;
    for (const Settlement& settlement : settlements) {
      if (settlement.kind != Settlement::Kind::kRetry) continue;
      look_now_ = look_now_ || settlement.retry_at <= now;
      last_retry_ = std::max(last_retry_, settlement.retry_at + options_.retry_look_interval);
    }
  }
  MutexLock lock(listener_mutex_);
  if (settlement_listener_) settlement_listener_();
}

void PaymentWorkers::make_calls() {
  const std::unique_ptr<PaymentGateway> gateway = make_gateway_();
  while (const std::optional<Item> item = next_item()) {
    const common::RequestIdScope scope(item->request_id);
    finish(caller_.pay(*gateway, item->claim, item->lease_until));
  }
}

std::optional<PaymentWorkers::Item> PaymentWorkers::next_item() {
  MutexLock lock(mutex_);
  items_.wait(lock, [this]() REQUIRES(mutex_) { return stopping_ || !queue_.empty(); });
  if (stopping_) return std::nullopt;
  Item item = std::move(queue_.front());
  queue_.pop_front();
  ++in_flight_;
  if (queue_.size() == claim_limit_ / 2) books_.notify_one();
  return item;
}

void PaymentWorkers::finish(Settlement settlement) {
  bool notify = false;
  {
    MutexLock lock(mutex_);
    --in_flight_;
    if (unsettled_.empty()) settle_at_ = steady_clock::now() + options_.gather;
    unsettled_.push_back(std::move(settlement));
    // The first one starts the bookkeeper's timer; the others give it something to do at once.
    notify = unsettled_.size() == 1 || unsettled_.size() == options_.max_settle || is_idle();
  }
  if (notify) books_.notify_one();
}

}  // namespace invoice_app
