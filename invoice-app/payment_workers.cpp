#include "invoice-app/payment_workers.h"

#include <algorithm>
#include <exception>
#include <random>
#include <utility>

#include "common/base/threads.h"
#include "common/log/log.h"

namespace invoice_app {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::int64_t steady_ms() {
  return std::chrono::duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

std::int64_t random_up_to(std::int64_t most) {
  thread_local std::minstd_rand generator(std::random_device{}());
  return std::uniform_int_distribution<std::int64_t>(0, most)(generator);
}

}  // namespace

PaymentWorkers::PaymentWorkers(InvoiceStore& store, PaymentGatewayFactory make_gateway,
                               const common::Clock& clock, PayMetrics& metrics,
                               PaymentWorkersOptions options)
    : store_(store),
      make_gateway_(std::move(make_gateway)),
      clock_(clock),
      metrics_(metrics),
      options_(std::move(options)),
      claim_limit_(options_.concurrency),
      request_id_(common::new_request_id()) {
  bookkeeper_ = std::thread([this] { keep_books(); });
  try {
    common::start_threads(callers_, options_.concurrency, "payments", [this] { make_calls(); });
  } catch (...) {
    stop();
    throw;
  }
}

PaymentWorkers::~PaymentWorkers() { stop(); }

void PaymentWorkers::wake(const std::string& request_id) {
  breaker_.try_again();
  {
    std::lock_guard lock(mutex_);
    request_id_ = request_id;
    look_now_ = true;
  }
  books_.notify_one();
}

std::int64_t PaymentWorkers::settlements() const {
  std::lock_guard lock(mutex_);
  return settlement_count_;
}

void PaymentWorkers::wait_for_settlement(std::int64_t seen, milliseconds timeout) {
  std::unique_lock lock(mutex_);
  settled_.wait_for(lock, timeout, [&] { return settlement_count_ > seen; });
}

void PaymentWorkers::stop() {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  items_.notify_all();
  for (std::thread& caller : callers_) caller.join();
  {
    std::lock_guard lock(mutex_);
    calls_ended_ = true;
  }
  books_.notify_one();
  bookkeeper_.join();
  try {
    store_.release(options_.owner);
  } catch (const std::exception& error) {
    common::log_warn("leases not given back; they run out by themselves",
                     {{"error", error.what()}});
  }
}

void PaymentWorkers::keep_books() {
  std::unique_lock lock(mutex_);
  while (true) {
    while (!calls_ended_ && !must_settle() && claimable() == 0) {
      books_.wait_for(lock, until_next_look());
    }
    if (calls_ended_ && unsettled_.empty()) return;

    const std::size_t limit = claimable();
    if (limit > 0) look_now_ = false;  // before the look, so that a wake during it counts
    std::vector<Settlement> settlements;
    if (must_settle()) settlements.swap(unsettled_);

    lock.unlock();
    if (limit > 0) claim(limit);  // first, so that calls go on while the settlements are written
    if (!settlements.empty()) settle(settlements);
    lock.lock();
  }
}

bool PaymentWorkers::must_settle() const {
  if (unsettled_.empty()) return false;
  return unsettled_.size() >= options_.max_settle || is_idle() || calls_ended_ ||
         steady_clock::now() >= settle_at_;
}

std::size_t PaymentWorkers::claimable() const {
  if (stopping_) return 0;
  const bool looks_often = clock_.now_ms() <= last_retry_ms_;
  const auto interval = looks_often ? options_.retry_look_interval : options_.look_interval;
  if (!look_now_ && steady_clock::now() < last_look_ + interval) return 0;
  switch (breaker_.state(steady_ms())) {
    case CircuitBreaker::State::kOpen:
      return 0;
    case CircuitBreaker::State::kHalfOpen:
      return is_idle() && unsettled_.empty() ? 1 : 0;
    case CircuitBreaker::State::kClosed:
      return queue_.size() < claim_limit_ / 2 + 1 ? claim_limit_ : 0;
  }
  return 0;
}

milliseconds PaymentWorkers::until_next_look() const {
  const auto now = steady_clock::now();
  const auto ms_until = [now](SteadyTime time) {
    return std::max(milliseconds(1), std::chrono::ceil<milliseconds>(time - now));
  };
  const bool looks_often = clock_.now_ms() <= last_retry_ms_;
  milliseconds wait =
      ms_until(last_look_ + (looks_often ? options_.retry_look_interval : options_.look_interval));
  if (look_now_) {
    // What holds us is the breaker's pause, or the calls under way, which notify when they end.
    const milliseconds pause(breaker_.pause_left_ms(steady_ms()));
    wait = pause > milliseconds(0) ? pause : options_.look_interval;
  }
  return unsettled_.empty() ? wait : std::min(wait, ms_until(settle_at_));
}

void PaymentWorkers::claim(std::size_t limit) {
  const std::int64_t now_ms = clock_.now_ms();
  const Lease lease{options_.owner, now_ms, now_ms + options_.lease_ms};
  std::vector<Claim> claims;
  try {
    claims = store_.claim(lease, limit);
  } catch (const std::exception& error) {
    common::log_error("can't claim invoices", {{"error", error.what()}});
  }

  const auto now = steady_clock::now();
  {
    std::lock_guard lock(mutex_);
    // Claims grow while they are used up quickly and shrink when they are not, so that with a slow
    // provider little is held that another replica could send.
    constexpr milliseconds kQuick(500);
    claim_limit_ = now - last_look_ < kQuick ? std::min(2 * claim_limit_, options_.max_claim)
                                             : std::max(claim_limit_ / 2, options_.concurrency);
    last_look_ = now;
    look_now_ = look_now_ || claims.size() == limit;
    for (Claim& claim : claims) {
      queue_.push_back({std::move(claim), lease.until_ms, request_id_});
    }
  }
  items_.notify_all();
}

void PaymentWorkers::settle(const std::vector<Settlement>& settlements) {
  try {
    store_.settle(options_.owner, settlements);
  } catch (const std::exception& error) {
    // What was found out is lost. The leases run out, the payments are asked for again with the
    // same keys, and the provider repeats its answers.
    common::log_error("can't settle payments; they will be asked for again",
                      {{"count", settlements.size()}, {"error", error.what()}});
    return;
  }
  const std::int64_t now_ms = clock_.now_ms();
  {
    std::lock_guard lock(mutex_);
    ++settlement_count_;
    for (const Settlement& settlement : settlements) {
      if (settlement.kind != Settlement::Kind::kRetry) continue;
      look_now_ = look_now_ || settlement.retry_at_ms <= now_ms;
      last_retry_ms_ =
          std::max(last_retry_ms_, settlement.retry_at_ms + options_.retry_look_interval.count());
    }
  }
  settled_.notify_all();
}

void PaymentWorkers::make_calls() {
  const std::unique_ptr<PaymentGateway> gateway = make_gateway_();
  while (const std::optional<Item> item = next_item()) {
    const common::RequestIdScope scope(item->request_id);
    finish(pay(*gateway, *item));
  }
}

std::optional<PaymentWorkers::Item> PaymentWorkers::next_item() {
  std::unique_lock lock(mutex_);
  items_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  if (stopping_) return std::nullopt;
  Item item = std::move(queue_.front());
  queue_.pop_front();
  ++in_flight_;
  if (look_now_ && queue_.size() == claim_limit_ / 2) books_.notify_one();
  return item;
}

void PaymentWorkers::finish(Settlement settlement) {
  bool notify = false;
  {
    std::lock_guard lock(mutex_);
    --in_flight_;
    if (unsettled_.empty()) settle_at_ = steady_clock::now() + options_.gather;
    unsettled_.push_back(std::move(settlement));
    // At the first the bookkeeper sets its timer; at the others it has something to do at once.
    notify = unsettled_.size() == 1 || unsettled_.size() == options_.max_settle || is_idle();
  }
  if (notify) books_.notify_one();
}

Settlement PaymentWorkers::pay(PaymentGateway& gateway, const Item& item) {
  const Claim& claim = item.claim;
  const bool lease_too_short = item.lease_until_ms - clock_.now_ms() < options_.longest_call_ms;
  if (lease_too_short || breaker_.state(steady_ms()) == CircuitBreaker::State::kOpen) {
    return give_back(claim);
  }
  const PaymentAnswer answer = call(gateway, claim);
  switch (answer.kind) {
    case PaymentAnswer::Kind::kPaid:
      common::log_debug("invoice paid", {{"invoice_id", claim.id}, {"attempt", claim.attempt}});
      return {
          .kind = Settlement::Kind::kPaid, .sequence = claim.sequence, .attempt = claim.attempt};
    case PaymentAnswer::Kind::kRefused:
      common::log_warn("payment refused by the provider",
                       {{"invoice_id", claim.id}, {"reason", answer.reason}});
      return {.kind = Settlement::Kind::kRefused,
              .sequence = claim.sequence,
              .attempt = claim.attempt,
              .refusal = answer.reason};
    case PaymentAnswer::Kind::kUnknown:
      common::log_warn(
          "outcome of a payment unknown; asking again with the same key",
          {{"invoice_id", claim.id}, {"attempt", claim.attempt}, {"reason", answer.reason}});
      break;
  }
  return retry_later(claim);
}

PaymentAnswer PaymentWorkers::call(PaymentGateway& gateway, const Claim& claim) {
  retry_budget_.on_call();
  PaymentAnswer answer{PaymentAnswer::Kind::kUnknown};
  const auto start = steady_clock::now();
  try {
    answer = gateway.pay(claim);
  } catch (const std::exception& error) {
    answer.reason = error.what();
  }
  metrics_.call_seconds.Observe(std::chrono::duration<double>(steady_clock::now() - start).count());
  switch (answer.kind) {
    case PaymentAnswer::Kind::kPaid:
      metrics_.paid.Increment();
      break;
    case PaymentAnswer::Kind::kRefused:
      metrics_.refused.Increment();
      break;
    case PaymentAnswer::Kind::kUnknown:
      metrics_.unknown.Increment();
      break;
  }
  if (answer.kind == PaymentAnswer::Kind::kUnknown) {
    if (breaker_.on_failure(steady_ms(), answer.reason, calls_under_way())) {
      common::log_error(
          "payment-provider can't be used and is left alone, but for a try now and then",
          {{"reason", answer.reason}});
    }
  } else if (breaker_.on_success()) {
    common::log_info("payment-provider can be used again");
  }
  const bool closed = breaker_.state(steady_ms()) == CircuitBreaker::State::kClosed;
  metrics_.provider_left_alone.Set(closed ? 0 : 1);
  return answer;
}

std::size_t PaymentWorkers::calls_under_way() const {
  std::lock_guard lock(mutex_);
  return in_flight_;
}

Settlement PaymentWorkers::give_back(const Claim& claim) const {
  return {.kind = Settlement::Kind::kRetry,
          .sequence = claim.sequence,
          .attempt = claim.attempt,
          .retry_at_ms = clock_.now_ms()};
}

Settlement PaymentWorkers::retry_later(const Claim& claim) {
  constexpr std::int64_t kMostDoublings = 10;
  const std::int64_t most =
      std::min(options_.longest_retry_ms,
               options_.first_retry_ms << std::min(claim.attempt - 1, kMostDoublings));
  Settlement settlement = give_back(claim);
  settlement.retry_at_ms += retry_budget_.take_retry(steady_ms()) + 1 + random_up_to(most);
  return settlement;
}

}  // namespace invoice_app
