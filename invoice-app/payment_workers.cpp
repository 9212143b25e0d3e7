#include "invoice-app/payment_workers.h"

#include <algorithm>
#include <exception>
#include <future>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <utility>

#include "common/base/threads.h"
#include "common/base/unavailable.h"
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
      metrics_(metrics),
      options_(checked(std::move(options))),
      caller_(clock, metrics, options_.caller),
      context_(common::new_request_context()) {
  bookkeeper_ = std::thread([this] { keep_books(); });
  try {
    MutexLock lock(mutex_);
    start_call_threads(options_.batch_calls);
  } catch (...) {
    stop();
    throw;
  }
}

PaymentWorkers::~PaymentWorkers() { stop(); }

PayRun PaymentWorkers::request_payment(const std::vector<common::RequestContext>& requests) {
  return request({}, requests);
}

void PaymentWorkers::request_payment_of(std::vector<std::string> ids,
                                        const std::vector<common::RequestContext>& requests) {
  request(std::move(ids), requests);
}

PayRun PaymentWorkers::request(std::vector<std::string> ids,
                               const std::vector<common::RequestContext>& requests) {
  const auto promise = std::make_shared<std::promise<common::Outcome<PayRun>>>();
  {
    MutexLock lock(mutex_);
    if (books_closed_) throw common::Unavailable("the process is stopping");
    set_context(requests);
    requests_.push_back(
        {.ids = std::move(ids),
         .on_run = [promise](const common::Outcome<PayRun>& run) { promise->set_value(run); }});
  }
  books_.notify_one();
  return promise->get_future().get()();
}

void PaymentWorkers::set_context(const std::vector<common::RequestContext>& requests) {
  std::vector<common::RequestContext> sharing = requests;
  if (!requests_.empty() || !has_sent_claims()) sharing.push_back(context_);
  context_ = requests.back();
  if (sharing.size() == 1) return;
  // One call can pay invoices of several requests, so it can't continue the trace of each.
  context_.trace = common::begin_trace();
  for (const common::RequestContext& request : sharing) {
    const common::RequestScope scope(request);
    common::log_info("payments share a trace with other requests",
                     {{"payments_trace_id", context_.trace.trace_id()}});
  }
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

void PaymentWorkers::start_call_threads(std::size_t count) {
  common::start_threads(call_threads_, count, "payments", [this] { make_calls(); });
}

// ---- The bookkeeper ----

void PaymentWorkers::keep_books() {
  MutexLock lock(mutex_);
  while (true) {
    const Books books = take_books();
    if (books.is_empty()) {
      if (calls_ended_) break;
      books_.wait_until(lock, next_change());
      continue;
    }
    lock.unlock();
    write(books);
    lock.lock();
  }
  books_closed_ = true;
}

PaymentWorkers::Books PaymentWorkers::take_books() {
  Books books{.settlements = {},
              .requests = {},
              .claim_limit = claimable(),
              .is_background = requests_.empty() && has_sent_claims()};
  books.requests.swap(requests_);
  // Settlements that could wait do not, if there will be a commit anyway.
  const bool will_commit = !books.requests.empty() || (books.claim_limit > 0 && look_now_);
  if (will_commit || must_settle()) books.settlements.swap(unsettled_);
  if (books.claim_limit > 0) look_now_ = false;  // so that a later change counts
  return books;
}

const char* PaymentWorkers::Books::name() const {
  if (!requests.empty()) return "request";
  return settlements.empty() ? "claim" : "settle";
}

bool PaymentWorkers::must_settle() const {
  if (unsettled_.empty()) return false;
  return caller_.batch_limit() > 1 || unsettled_.size() >= options_.max_gathered || is_idle() ||
         calls_ended_ || steady_clock::now() >= settle_at_;
}

PaymentWorkers::SteadyTime PaymentWorkers::next_look() const {
  if (look_now_ || !requests_.empty()) return {};
  const bool retries_wait = clock_.now() <= last_retry_;
  return last_look_ + (retries_wait ? options_.retry_look_interval : options_.look_interval);
}

std::size_t PaymentWorkers::claimable() const {
  const auto now = steady_clock::now();
  if (stopping_ || now < next_look()) return 0;
  // One by one: twice the calls in flight, so that no call waits for a claim.
  const std::size_t batch = caller_.batch_limit();
  const std::size_t limit = batch > 1 ? batch : 2 * options_.single_calls;
  switch (breaker().state(now)) {
    case CircuitBreaker::State::kOpen:
      return 0;
    case CircuitBreaker::State::kHalfOpen:
      return is_idle() && unsettled_.empty() ? 1 : 0;
    case CircuitBreaker::State::kClosed:
      return queue_.size() < limit / 2 + 1 ? limit : 0;
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

void PaymentWorkers::write(const Books& books) {
  const common::WallTime now = clock_.now();
  const Lease lease{options_.owner, now, now + options_.lease};
  PayRun run{};
  std::vector<Claim> claims;
  try {
    const bool only_looks = books.settlements.empty() && books.requests.empty();
    if (!only_looks || store_.is_claimable(lease)) {
      const auto start = steady_clock::now();
      store_.write(books.name(), [&](InvoiceTransaction& changes) {
        if (!books.settlements.empty()) changes.settle(options_.owner, books.settlements);
        if (!books.requests.empty()) run = request_payment(changes, books.requests);
        if (books.claim_limit > 0) claims = changes.claim(lease, books.claim_limit);
      });
      metrics_.commits.observe(books.settlements.size() + claims.size(),
                               steady_clock::now() - start);
    }
  } catch (const std::exception& error) {
    fail(books, error);
    return;
  }
  queue_claims(std::move(claims), books, run, lease.until);
  for (const Request& request : books.requests) request.on_run([run] { return run; });
  if (books.settlements.empty() || !has_nothing_to_do()) return;
  MutexLock lock(listener_mutex_);
  if (settlement_listener_) settlement_listener_();
}

PayRun PaymentWorkers::request_payment(InvoiceTransaction& changes,
                                       std::span<const Request> requests) {
  std::vector<std::string> ids;
  for (const Request& request : requests) {
    if (request.ids.empty()) return changes.request_payment();  // includes the others
    ids.insert(ids.end(), request.ids.begin(), request.ids.end());
  }
  return {.through = 0, .due = changes.request_payment_of(ids)};
}

// The results are lost, but not the payments: when the leases have expired, the same keys are sent
// again and the provider repeats its answers.
void PaymentWorkers::fail(const Books& books, const std::exception& error) {
  common::log_error("can't write to the database; it will be retried",
                    {{"transaction", books.name()},
                     {"settlements", books.settlements.size()},
                     {"error", error.what()}});
  for (const Request& request : books.requests) request.on_run(common::failed<PayRun>(error));
  MutexLock lock(mutex_);
  last_look_ = steady_clock::now();
}

void PaymentWorkers::queue_claims(std::vector<Claim> claims, const Books& books, const PayRun& run,
                                  common::WallTime lease_until) {
  if (run.due > 0) caller_.breaker().try_again();
  MutexLock lock(mutex_);
  if (books.claim_limit > 0) last_look_ = steady_clock::now();
  // There may be more. If the breaker was open, nothing was claimed.
  look_now_ = look_now_ || (books.claim_limit > 0 && claims.size() == books.claim_limit) ||
              (run.due > 0 && books.claim_limit == 0);
  if (books.is_background && requests_.empty() && !claims.empty()) {
    context_.trace = common::begin_trace();
  }
  for (Claim& claim : claims) queue_.push_back({std::move(claim), lease_until});
  if (!books.settlements.empty()) ++settlement_count_;
  remember_retries(books.settlements);
  if (!queue_.empty() && !stopping_ && caller_.batch_limit() == 1) {
    try {
      start_call_threads(options_.single_calls);
    } catch (const std::exception& error) {
      common::log_warn("payments are sent by fewer threads", {{"error", error.what()}});
    }
  }
  items_.notify_one();
}

bool PaymentWorkers::has_nothing_to_do() const {
  MutexLock lock(mutex_);
  return is_idle() && unsettled_.empty();
}

void PaymentWorkers::remember_retries(std::span<const Settlement> settlements) {
  const common::WallTime now = clock_.now();
  for (const Settlement& settlement : settlements) {
    if (settlement.kind != Settlement::Kind::kRetry) continue;
    look_now_ = look_now_ || settlement.retry_at <= now;
    last_retry_ = std::max(last_retry_, settlement.retry_at + options_.retry_look_interval);
  }
}

// ---- The threads that make the calls ----

void PaymentWorkers::make_calls() {
  const std::unique_ptr<PaymentGateway> gateway = make_gateway_();
  std::vector<Settlement> settlements;
  while (const std::optional<Batch> batch = next_batch(std::move(settlements))) {
    const common::RequestContext context{.request_id = batch->context.request_id,
                                         .trace = next_span(batch->context.trace)};
    const common::RequestScope scope(context);
    settlements = caller_.pay(*gateway, batch->claims, batch->lease_until);
  }
}

std::optional<PaymentWorkers::Batch> PaymentWorkers::next_batch(
    std::vector<Settlement> settlements) {
  MutexLock lock(mutex_);
  bool has_news = false;  // for the bookkeeper
  if (!settlements.empty()) {
    --in_flight_;
    const bool is_first = unsettled_.empty();
    if (is_first) settle_at_ = steady_clock::now() + options_.gather;
    unsettled_.insert(unsettled_.end(), std::make_move_iterator(settlements.begin()),
                      std::make_move_iterator(settlements.end()));
    has_news = is_first || must_settle();
  }
  while (!stopping_ && !can_call()) {
    if (std::exchange(has_news, false)) books_.notify_one();
    items_.wait(lock);
  }
  std::optional<Batch> batch;
  if (!stopping_) batch = take_batch();
  // After the batch is taken: the bookkeeper can settle and claim in one commit.
  if (has_news || claimable() > 0) books_.notify_one();
  return batch;
}

bool PaymentWorkers::can_call() const {
  return !queue_.empty() &&
         in_flight_ < (caller_.batch_limit() > 1 ? options_.batch_calls : options_.single_calls);
}

PaymentWorkers::Batch PaymentWorkers::take_batch() {
  const std::size_t size = std::min(queue_.size(), caller_.batch_limit());
  // The first lease ends first.
  Batch batch{.claims = {}, .lease_until = queue_.front().lease_until, .context = context_};
  batch.claims.reserve(size);
  for (std::size_t i = 0; i < size; ++i) {
    batch.claims.push_back(std::move(queue_.front().claim));
    queue_.pop_front();
  }
  ++in_flight_;
  if (can_call()) items_.notify_one();
  return batch;
}

}  // namespace invoice_app
