#include "invoice-app/pay_invoices.h"

#include <algorithm>
#include <exception>
#include <set>
#include <utility>

#include "common/log/log.h"

namespace invoice_app {

using common::MutexLock;
using std::chrono::steady_clock;

namespace {

template <typename Report, typename Caller>
void fail(const std::vector<Caller>& callers, const std::exception& error) {
  for (const Caller& caller : callers) caller.on_report(common::failed<Report>(error));
}

}  // namespace

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

void PayInvoices::pay_one(std::string id, OnInvoiceReport on_report) {
  {
    MutexLock lock(mutex_);
    new_callers_of_one_.push_back({.on_report = std::move(on_report),
                                   .context = common::current_request(),
                                   .id = std::move(id)});
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
    const auto has_callers = [this]() REQUIRES(mutex_) {
      return !new_callers_.empty() || !new_callers_of_one_.empty();
    };
    const auto has_work = [&]() REQUIRES(mutex_) { return has_callers() || ends_; };
    if (groups_.empty() && callers_of_one_.empty()) {
      changed_.wait(lock, has_work);
    } else {
      changed_.wait_for(lock, kLookAgain, [&]() REQUIRES(mutex_) {
        return has_changed_ || waiting_ends_ || has_work();
      });
    }
    has_changed_ = false;
    if (ends_ && !has_callers() && groups_.empty() && callers_of_one_.empty()) return;
    std::vector<Caller> callers = std::exchange(new_callers_, {});
    std::vector<CallerOfOne> callers_of_one = std::exchange(new_callers_of_one_, {});
    const bool waiting_ends = waiting_ends_;

    lock.unlock();
    if (!callers.empty() || !callers_of_one.empty()) {
      request_payment(std::move(callers), std::move(callers_of_one));
    }
    report_what_ended(waiting_ends);
    report_invoices_that_ended(waiting_ends);
    lock.lock();
  }
}

void PayInvoices::request_payment(std::vector<Caller> callers,
                                  std::vector<CallerOfOne> callers_of_one) {
  const Wait wait{.deadline = steady_clock::now() + options_.longest_wait,
                  .breaker_opened_before = workers_.breaker().times_opened()};
  std::vector<common::RequestContext> requests;
  requests.reserve(callers.size() + callers_of_one.size());
  for (const Caller& caller : callers) requests.push_back(caller.context);
  for (const CallerOfOne& caller : callers_of_one) requests.push_back(caller.context);
  try {
    if (!callers.empty()) {  // includes the invoices of the others
      const PayRun run = workers_.request_payment(requests);
      groups_.push_back({.callers = std::move(callers), .run = run, .wait = wait});
    } else {
      std::vector<std::string> ids;
      ids.reserve(callers_of_one.size());
      for (const CallerOfOne& caller : callers_of_one) ids.push_back(caller.id);
      workers_.request_payment_of(std::move(ids), requests);
    }
  } catch (const std::exception& error) {
    fail<PayReport>(callers, error);
    fail<InvoiceReport>(callers_of_one, error);
    return;
  }
  for (CallerOfOne& caller : callers_of_one) {
    caller.wait = wait;
    callers_of_one_.push_back(std::move(caller));
  }
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
        for (const Caller& caller : group.callers) caller.on_report(*failure);
        continue;
      }
      is_pending = is_pending || (group.run.due > 0 && store_.is_pending(group.run));
      const bool waits = is_pending && group.run.due > 0 && !waiting_ends && !is_over(group.wait);
      waits ? waiting.push_back(std::move(group)) : report(group);
    } catch (const std::exception& error) {
      failure = common::failed<PayReport>(error);  // so others do not wait for it
      fail<PayReport>(group.callers, error);
    }
  }
  groups_ = std::move(waiting);
}

void PayInvoices::report_invoices_that_ended(bool waiting_ends) {
  if (callers_of_one_.empty()) return;
  std::set<std::string> ids;
  for (const CallerOfOne& caller : callers_of_one_) ids.insert(caller.id);
  std::set<std::string> pending;
  try {
    const std::vector<std::string> found = store_.pending_of(std::vector(ids.begin(), ids.end()));
    pending.insert(found.begin(), found.end());
  } catch (const std::exception& error) {
    fail<InvoiceReport>(std::exchange(callers_of_one_, {}), error);
    return;
  }
  std::vector<CallerOfOne> waiting;
  for (CallerOfOne& caller : callers_of_one_) {
    const bool is_pending = pending.contains(caller.id);
    const bool waits = is_pending && !waiting_ends && !is_over(caller.wait);
    waits ? waiting.push_back(std::move(caller)) : report(caller, is_pending);
  }
  callers_of_one_ = std::move(waiting);
}

bool PayInvoices::has_opened(const Wait& wait) const {
  return workers_.breaker().times_opened() > wait.breaker_opened_before;
}

bool PayInvoices::is_over(const Wait& wait) const {
  return steady_clock::now() >= wait.deadline || has_opened(wait);
}

void PayInvoices::report(const Group& group) {
  PayReport report;
  if (group.run.due > 0) {
    const PayProgress progress = store_.progress(group.run);
    report.pending = progress.pending;
    report.refused = progress.refused;
    report.paid = group.run.due - progress.pending - progress.refused;
    if (report.pending > 0 && has_opened(group.wait)) {
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

void PayInvoices::report(const CallerOfOne& caller, bool is_pending) {
  const common::RequestScope scope(caller.context);
  try {
    InvoiceReport report{.invoice = store_.find(caller.id)};
    if (is_pending && has_opened(caller.wait)) {
      report.provider_unavailable = workers_.breaker().last_failure();
    }
    caller.on_report([&report] { return report; });
  } catch (const std::exception& error) {
    caller.on_report(common::failed<InvoiceReport>(error));
  }
}

}  // namespace invoice_app
