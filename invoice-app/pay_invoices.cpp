#include "invoice-app/pay_invoices.h"

#include "common/log/log.h"

namespace invoice_app {
namespace {

// Counts a waiting caller for as long as it lives.
class Waiter {
 public:
  explicit Waiter(std::atomic<int>& count) : count_(count), number_(++count) {}
  ~Waiter() { --count_; }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  int number() const { return number_; }

 private:
  std::atomic<int>& count_;
  const int number_;
};

}  // namespace

PayReport PayInvoices::pay_all() {
  const PayRun run = store_.request_payment();
  PayReport report;
  if (run.due == 0) return report;

  if (const Waiter waiter(waiting_); waiter.number() <= options_.max_waiting) {
    report.provider_unavailable = wait_until_ended(run);
  }

  const PayProgress progress = store_.progress(run);
  report.pending = progress.pending;
  report.refused = progress.refused;
  report.paid = run.due - progress.pending - progress.refused;
  if (report.pending == 0) report.provider_unavailable.reset();
  common::log_info("payment run", {{"due", run.due},
                                   {"paid", report.paid},
                                   {"refused", report.refused},
                                   {"pending", report.pending}});
  return report;
}

std::optional<std::string> PayInvoices::wait_until_ended(const PayRun& run) {
  using Clock = std::chrono::steady_clock;
  // Workers of other processes do not notify this one when they settle.
  constexpr std::chrono::milliseconds kLookAgain(50);

  const auto deadline = Clock::now() + options_.longest_wait;
  const std::int64_t opened_before = workers_.breaker().times_opened();
  std::int64_t seen = workers_.settlements();
  workers_.wake(common::current_request_id());
  while (store_.is_pending(run) && Clock::now() < deadline && !waiting_ends_) {
    if (workers_.breaker().times_opened() > opened_before) {
      return workers_.breaker().last_failure();
    }
    workers_.wait_for_settlement(seen, kLookAgain);
    seen = workers_.settlements();
  }
  return std::nullopt;
}

}  // namespace invoice_app
