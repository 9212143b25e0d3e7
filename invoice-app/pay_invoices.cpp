#include "invoice-app/pay_invoices.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "common/log/log.h"

namespace invoice_app {

using common::MutexLock;
using std::chrono::steady_clock;

PayInvoices::PayInvoices(InvoiceStore& store, PaymentWorkers& workers, PayInvoicesOptions options)
    : store_(store), workers_(workers), options_(options), thread_([this] { serve_callers(); }) {
  workers_.set_settlement_listener([this] {
    {
      MutexLock lock(mutex_);
      has_changed_ = true;
    }
    changed_.notify_one();
  });
}

PayInvoices::~PayInvoices() {
  workers_.set_settlement_listener({});
  {
    MutexLock lock(mutex_);
    waiting_ends_ = ends_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void PayInvoices::pay_all(OnReport on_report) {
  {
    MutexLock lock(mutex_);
    new_callers_.push_back({std::move(on_report), common::current_request()});
  }
  changed_.notify_one();
}

void PayInvoices::stop_waiting() {
  {
    MutexLock lock(mutex_);
    waiting_ends_ = true;
  }
  changed_.notify_one();
}

void PayInvoices::serve_callers() {
  // Workers of other processes do not notify this one when they settle.
  constexpr std::chrono::milliseconds kLookAgain(10);

  MutexLock lock(mutex_);
  while (true) {
    const auto has_work = [this]() REQUIRES(mutex_) { return !new_callers_.empty() || ends_; };
    if (groups_.empty()) {
      changed_.wait(lock, has_work);
    } else {
      changed_.wait_for(lock, kLookAgain, [&]() REQUIRES(mutex_) {
        return has_changed_ || waiting_ends_ || has_work();
      });
    }
    has_changed_ = false;
    if (ends_ && new_callers_.empty() && groups_.empty()) return;
    std::vector<Caller> callers = std::exchange(new_callers_, {});
    const bool waiting_ends = waiting_ends_;

    lock.unlock();
    if (!callers.empty()) request_payment(std::move(callers));
    report_what_ended(waiting_ends);
    lock.lock();
  }
}

void PayInvoices::request_payment(std::vector<Caller> callers) {
  std::vector<common::RequestContext> requests;
  requests.reserve(callers.size());
  for (const Caller& caller : callers) requests.push_back(caller.context);
  Group group{.callers = std::move(callers),
              .run = {},
              .deadline = steady_clock::now() + options_.longest_wait,
              .breaker_opened_before = workers_.breaker().times_opened()};
  try {
    group.run = workers_.request_payment(requests);
  } catch (const std::exception& error) {
    fail(group.callers, common::failed<PayReport>(error));
    return;
  }
  groups_.push_back(std::move(group));
}

void PayInvoices::report_what_ended(bool waiting_ends) {
  // If invoices up to one sequence are pending, some up to any higher sequence are, too.
  std::sort(groups_.begin(), groups_.end(),
            [](const Group& a, const Group& b) { return a.run.through < b.run.through; });
  bool is_pending = false;
  std::optional<common::Outcome<PayReport>> failure;
  std::vector<Group> waiting;
  for (Group& group : groups_) {
    try {
      if (failure) {
        fail(group.callers, *failure);
        continue;
      }
      is_pending = is_pending || (group.run.due > 0 && store_.is_pending(group.run));
      const bool waits = is_pending && group.run.due > 0 && !waiting_ends && !is_over(group);
      waits ? waiting.push_back(std::move(group)) : report(group);
    } catch (const std::exception& error) {
      failure = common::failed<PayReport>(error);  // so others do not wait for it
      fail(group.callers, *failure);
    }
  }
  groups_ = std::move(waiting);
}

void PayInvoices::fail(const std::vector<Caller>& callers,
                       const common::Outcome<PayReport>& failure) {
  for (const Caller& caller : callers) caller.on_report(failure);
}

bool PayInvoices::is_over(const Group& group) const {
  return steady_clock::now() >= group.deadline ||
         workers_.breaker().times_opened() > group.breaker_opened_before;
}

void PayInvoices::report(const Group& group) {
  PayReport report;
  if (group.run.due > 0) {
    const PayProgress progress = store_.progress(group.run);
    report.pending = progress.pending;
    report.refused = progress.refused;
    report.paid = group.run.due - progress.pending - progress.refused;
    if (report.pending > 0 && workers_.breaker().times_opened() > group.breaker_opened_before) {
      report.provider_unavailable = workers_.breaker().last_failure();
    }
  }
  for (const Caller& caller : group.callers) {
    const common::RequestScope scope(caller.context);
    if (group.run.due > 0) {
      common::log_info("payment run", {{"due", group.run.due},
                                       {"paid", report.paid},
                                       {"refused", report.refused},
                                       {"pending", report.pending}});
    }
    caller.on_report([&report] { return report; });
  }
}

}  // namespace invoice_app
