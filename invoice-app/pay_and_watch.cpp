#include "invoice-app/pay_and_watch.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <exception>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "common/log/log.h"

namespace invoice_app {

using common::MutexLock;
using std::chrono::steady_clock;

namespace {

// After a count that took one unit of time.
constexpr int kPause = 9;
constexpr std::chrono::seconds kLongestPause{5};

}  // namespace

struct PayAndWatch::Run {
  struct Sample {
    SteadyTime time;
    std::int64_t settled;
  };

  void update(SteadyTime now, const std::optional<PayProgress>& progress,
              const std::optional<std::string>& provider_unavailable) {
    if (progress) {
      report.pending = progress->pending;
      report.refused = progress->refused;
      report.paid = range.due - progress->pending - progress->refused;
    }
    report.state = report.pending == 0 ? WatchReport::State::kSettled : report.state;
    report.provider_unavailable = report.pending == 0 ? std::nullopt : provider_unavailable;
    samples.push_back({now, report.paid + report.refused});
    while (samples.size() > 2 && samples[1].time <= now - kRateWindow) samples.pop_front();
    const std::chrono::duration<double> time = now - samples.front().time;
    const auto settled = static_cast<double>(samples.back().settled - samples.front().settled);
    // Another request makes refused invoices pending again.
    report.rate = time.count() > 0 && settled > 0 ? std::llround(settled / time.count()) : 0;
  }

  void log_end() const {
    if (range.due == 0) return;
    const common::RequestScope scope(context);
    common::log_info("payment run", {{"due", range.due},
                                     {"paid", report.paid},
                                     {"refused", report.refused},
                                     {"pending", report.pending}});
  }

  PayRun range;
  common::RequestContext context;
  WatchReport report = {};
  std::deque<Sample> samples = {};
  bool is_new = true;  // has not been reported
};

PayAndWatch::PayAndWatch(InvoiceStore& store, PaymentWorkers& workers, PayAndWatchOptions options)
    : store_(store), workers_(workers), options_(options), thread_([this] { serve_callers(); }) {}

PayAndWatch::~PayAndWatch() {
  {
    MutexLock lock(mutex_);
    is_stopping_ = ends_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void PayAndWatch::pay_all(OnRun on_run) {
  {
    MutexLock lock(mutex_);
    callers_.push_back({std::move(on_run), common::current_request()});
  }
  changed_.notify_one();
}

void PayAndWatch::watch(std::shared_ptr<Run> run, OnReport on_report) {
  if (std::exchange(run->is_new, false)) {
    const bool is_done = on_report(run->report);
    if (is_done || run->report.state != WatchReport::State::kRunning) return;
  }
  {
    MutexLock lock(mutex_);
    watchers_.push_back(
        {std::move(run), std::move(on_report), steady_clock::now() + options_.interval});
  }
  changed_.notify_one();
}

void PayAndWatch::stop_watching() {
  {
    MutexLock lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_one();
}

void PayAndWatch::serve_callers() {
  MutexLock lock(mutex_);
  while (true) {
    const std::vector<Caller> callers = std::exchange(callers_, {});
    std::vector<Watcher> watchers = take_watchers();
    if (callers.empty() && watchers.empty()) {
      if (ends_) return;
      watchers_.empty() ? changed_.wait(lock) : changed_.wait_until(lock, next_count());
      continue;
    }
    const bool is_stopping = is_stopping_;
    lock.unlock();
    if (!callers.empty()) request_payment(callers);
    SteadyTime::duration pause{};
    if (!watchers.empty()) {
      const auto begin = steady_clock::now();
      if (!is_stopping) count_for_first(watchers);
      pause = std::min<SteadyTime::duration>(kPause * (steady_clock::now() - begin), kLongestPause);
      report_to(watchers, is_stopping);
    }
    lock.lock();
    pause_until_ = std::max(pause_until_, steady_clock::now() + pause);
    watchers_.insert(watchers_.begin(), std::make_move_iterator(watchers.begin()),
                     std::make_move_iterator(watchers.end()));
  }
}

void PayAndWatch::request_payment(const std::vector<Caller>& callers) {
  std::vector<common::RequestContext> requests;
  requests.reserve(callers.size());
  for (const Caller& caller : callers) requests.push_back(caller.context);
  try {
    const PayRun range = workers_.request_payment(requests);
    const auto now = steady_clock::now();
    for (const Caller& caller : callers) {
      auto run = std::make_shared<Run>(Run{.range = range, .context = caller.context});
      run->update(now, PayProgress{.pending = range.due, .refused = 0}, std::nullopt);
      caller.on_run([&run] { return run; });
    }
  } catch (const std::exception& error) {
    for (const Caller& caller : callers) {
      caller.on_run(common::failed<std::shared_ptr<Run>>(error));
    }
  }
}

PayAndWatch::SteadyTime PayAndWatch::next_count() const {
  return std::max(watchers_.front().next_count, pause_until_);
}

std::vector<PayAndWatch::Watcher> PayAndWatch::take_watchers() {
  const bool is_due = is_stopping_ || (!watchers_.empty() && steady_clock::now() >= next_count());
  return is_due ? std::exchange(watchers_, {}) : std::vector<Watcher>();
}

void PayAndWatch::count_for_first(std::vector<Watcher>& watchers) {
  const PayRun range = watchers.front().run->range;
  const auto counted = std::stable_partition(
      watchers.begin(), watchers.end(),
      [&range](const Watcher& watcher) { return watcher.run->range.through != range.through; });
  std::optional<PayProgress> progress;
  try {
    progress = store_.progress(range);
  } catch (const std::exception& error) {
    common::log_warn("cannot count the invoices of a payment run", {{"error", error.what()}});
  }
  const auto now = steady_clock::now();
  const CircuitBreaker& breaker = workers_.breaker();
  const auto failure = breaker.state(now) == CircuitBreaker::State::kClosed
                           ? std::nullopt
                           : std::optional(breaker.last_failure());
  for (auto watcher = counted; watcher != watchers.end(); ++watcher) {
    watcher->run->update(now, progress, failure);
    watcher->next_count = now + options_.interval;
  }
}

void PayAndWatch::report_to(std::vector<Watcher>& watchers, bool is_stopping) {
  std::erase_if(watchers, [is_stopping](const Watcher& watcher) {
    WatchReport& report = watcher.run->report;
    if (is_stopping) report.state = WatchReport::State::kStopping;
    const bool is_end = report.state != WatchReport::State::kRunning;
    if (is_end) watcher.run->log_end();
    return watcher.on_report(report) || is_end;
  });
}

}  // namespace invoice_app
