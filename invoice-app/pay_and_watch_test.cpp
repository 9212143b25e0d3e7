#include "invoice-app/pay_and_watch.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/unavailable.h"
#include "invoice-app/testing/fake_invoice_store.h"
#include "invoice-app/testing/fake_payment_gateways.h"
#include "invoice-app/testing/single_writes.h"
#include "invoice-app/testing/worker_options.h"
#include "tests/support/eventually.h"

namespace invoice_app {
namespace {

using std::chrono::milliseconds;
using Call = FakeInvoiceStore::Call;
using Kind = PaymentAnswer::Kind;
using RunPtr = std::shared_ptr<PayAndWatch::Run>;
using WatchState = WatchReport::State;

// The reports of one run, which never says that it is done. Thread-safe.
class Watched {
 public:
  PayAndWatch::OnReport listener() {
    return [this](const WatchReport& report) {
      common::MutexLock lock(mutex_);
      reports_.push_back(report);
      return false;
    };
  }
  std::vector<WatchReport> reports() const {
    common::MutexLock lock(mutex_);
    return reports_;
  }
  // Waits for a report for which this holds.
  template <typename Condition>
  bool eventually(Condition condition) const {
    return tests::eventually([&] {
      const auto all = reports();
      return std::any_of(all.begin(), all.end(), condition);
    });
  }
  // Waits for the end.
  WatchReport end() const {
    EXPECT_TRUE(eventually([](const WatchReport& r) { return r.state != WatchState::kRunning; }));
    return reports().back();
  }

 private:
  mutable common::Mutex mutex_;
  std::vector<WatchReport> reports_ GUARDED_BY(mutex_);
};

class PayAndWatchTest : public testing::Test {
 protected:
  static RunPtr request(PayAndWatch& pay_and_watch) {
    const auto run = std::make_shared<std::promise<RunPtr>>();
    pay_and_watch.pay_all([run](const common::Outcome<RunPtr>& outcome) {
      try {
        run->set_value(outcome());
      } catch (const common::Unavailable& error) {
        run->set_exception(std::make_exception_ptr(error));
      }
    });
    return run->get_future().get();
  }
  RunPtr request() { return request(pay_and_watch_); }
  // Requests payment and watches.
  void pay(Watched& watched) { pay_and_watch_.watch(request(), watched.listener()); }

  prometheus::Registry registry_;
  PayMetrics metrics_{registry_};
  const common::SystemClock clock_{};
  FakeInvoiceStore store_;
  FakePaymentGateways gateways_;
  Watched watched_, other_;  // the thread uses them to its end
  PaymentWorkers workers_{store_, gateways_.factory(), clock_, metrics_, worker_options()};
  PayAndWatch pay_and_watch_{store_, workers_, {.interval = milliseconds(2)}};
};

TEST_F(PayAndWatchTest, EndAtOnceIfNothingIsDue) {
  pay(watched_);
  ASSERT_EQ(watched_.reports().size(), 1U);
  const WatchReport report = watched_.reports()[0];
  EXPECT_EQ(report.state, WatchState::kSettled);
  EXPECT_EQ(report.paid + report.refused + report.pending + report.rate, 0);
  EXPECT_EQ(store_.calls(Call::kProgress), 0);
}

TEST_F(PayAndWatchTest, ReportTheStartAndTheEnd) {
  gateways_.hold();
  store_.add_invoices(30);
  pay(watched_);
  ASSERT_FALSE(watched_.reports().empty()) << "the first one needs no count";
  EXPECT_EQ(watched_.reports()[0].pending, 30);
  EXPECT_EQ(watched_.reports()[0].state, WatchState::kRunning);
  gateways_.let_all_continue();
  const WatchReport end = watched_.end();
  EXPECT_EQ(end.state, WatchState::kSettled);
  EXPECT_EQ(end.paid, 30);
  EXPECT_EQ(end.pending, 0);
  EXPECT_GT(end.rate, 0);
  EXPECT_EQ(gateways_.calls(), 30);
}

TEST_F(PayAndWatchTest, ReportWhatIsPaidMeanwhile) {
  gateways_.hold();
  store_.add_invoices(10);
  pay(watched_);
  ASSERT_TRUE(gateways_.eventually_in_flight(4));
  std::vector<Settlement> settlements;  // many, so that the rate is not 0 on a slow machine
  for (std::int64_t sequence = 6; sequence <= 10; ++sequence)
    settlements.push_back({.kind = Settlement::Kind::kPaid, .sequence = sequence, .attempt = 1});
  settle(store_, "another", settlements);  // of another process
  EXPECT_TRUE(watched_.eventually([](const WatchReport& report) {
    return report.paid == 5 && report.pending == 5 && report.rate > 0;
  }));
  gateways_.let_all_continue();
  EXPECT_EQ(watched_.end().paid, 10);
}

TEST_F(PayAndWatchTest, CountRefusedOnes) {
  gateways_.answer_with([](const Claim& claim, int) -> PaymentAnswer {
    return {claim.id == "I2" ? Kind::kRefused : Kind::kPaid, "no"};
  });
  store_.add_invoices(3);
  pay(watched_);
  const WatchReport end = watched_.end();
  EXPECT_EQ(end.state, WatchState::kSettled);
  EXPECT_EQ(end.paid, 2);
  EXPECT_EQ(end.refused, 1);
}

TEST_F(PayAndWatchTest, GoOnWhileTheProviderIsUnavailable) {
  gateways_.answer_with(FakePaymentGateways::down);
  store_.add_invoices(20);
  pay(watched_);
  EXPECT_TRUE(watched_.eventually([](const WatchReport& report) {
    return report.provider_unavailable == "connection refused" && report.pending == 20;
  }));
  EXPECT_EQ(watched_.reports().back().state, WatchState::kRunning);
  gateways_.answer_with(FakePaymentGateways::paid);
  const WatchReport end = watched_.end();
  EXPECT_EQ(end.state, WatchState::kSettled);
  EXPECT_EQ(end.paid, 20);
  EXPECT_EQ(end.provider_unavailable, std::nullopt);
}

TEST_F(PayAndWatchTest, EndWhenTheProcessStops) {
  gateways_.hold();
  store_.add_invoices(2);
  pay(watched_);
  pay_and_watch_.stop_watching();
  EXPECT_EQ(watched_.end().state, WatchState::kStopping);
  EXPECT_EQ(watched_.end().pending, 2);
  pay(other_);  // a request that was on its way
  EXPECT_EQ(other_.end().state, WatchState::kStopping);
  gateways_.let_all_continue();
  EXPECT_TRUE(store_.eventually_all(InvoiceState::kPaid));
}

TEST_F(PayAndWatchTest, EndBeforeTheyAreDestroyed) {
  gateways_.hold();
  store_.add_invoices(2);
  {
    PayAndWatch pay_and_watch(store_, workers_);
    pay_and_watch.watch(request(pay_and_watch), watched_.listener());
  }
  EXPECT_EQ(watched_.reports().back().state, WatchState::kStopping);
  gateways_.let_all_continue();
}

TEST_F(PayAndWatchTest, ShareTheCounts) {
  constexpr int kCallers = 200;
  gateways_.hold();
  store_.add_invoices(5);
  std::vector<std::unique_ptr<Watched>> callers;
  for (int i = 0; i < kCallers; ++i) pay(*callers.emplace_back(std::make_unique<Watched>()));
  const std::size_t reports = callers.back()->reports().size();
  const int before = store_.calls(Call::kProgress);
  EXPECT_TRUE(tests::eventually([&] { return callers.back()->reports().size() >= reports + 20; }));
  const auto counts = static_cast<std::size_t>(store_.calls(Call::kProgress) - before);
  // The last one may not be reported yet.
  EXPECT_LE(counts, callers.back()->reports().size() - reports + 1) << "each is for all callers";
  gateways_.let_all_continue();
  for (const auto& caller : callers) EXPECT_EQ(caller->end().paid, 5);
}

// A run that ends at a later invoice needs a count of its own.
TEST_F(PayAndWatchTest, ReportToRunsThatEndAtOtherInvoices) {
  gateways_.hold();
  store_.add_invoices(2);
  pay(watched_);
  store_.add_invoices(1);
  pay(other_);
  const std::vector<Settlement> settlements = {
      {.kind = Settlement::Kind::kPaid, .sequence = 1, .attempt = 1},
      {.kind = Settlement::Kind::kPaid, .sequence = 2, .attempt = 1}};
  settle(store_, "another", settlements);
  EXPECT_EQ(watched_.end().paid, 2);
  EXPECT_TRUE(other_.eventually(
      [](const WatchReport& report) { return report.paid == 2 && report.pending == 1; }));
  EXPECT_EQ(other_.reports().back().state, WatchState::kRunning);
  gateways_.let_all_continue();
  EXPECT_EQ(other_.end().paid, 3);
}

TEST_F(PayAndWatchTest, ACallerThatIsDoneCanWatchAgain) {
  gateways_.hold();
  store_.add_invoices(2);
  const RunPtr run = request();
  const auto watch_once = [&] {
    const auto report = std::make_shared<std::promise<WatchReport>>();
    pay_and_watch_.watch(run, [report](const WatchReport& next) {
      report->set_value(next);  // throws the second time
      return true;
    });
    return report->get_future().get();
  };
  for (int i = 0; i < 5; ++i) EXPECT_EQ(watch_once().pending, 2);
  gateways_.let_all_continue();
  EXPECT_TRUE(tests::eventually([&] { return watch_once().state == WatchState::kSettled; }));
}

TEST_F(PayAndWatchTest, GoOnWhileTheStoreFails) {
  store_.fail(Call::kRequestPayment);
  EXPECT_THROW(request(), common::Unavailable);
  store_.repair();

  gateways_.hold();
  store_.add_invoices(2);
  pay(watched_);
  store_.fail(Call::kProgress);
  ASSERT_TRUE(store_.eventually_called(Call::kProgress, store_.calls(Call::kProgress) + 2));
  EXPECT_EQ(watched_.reports().back().state, WatchState::kRunning);
  EXPECT_EQ(watched_.reports().back().pending, 2);
  store_.repair();
  gateways_.let_all_continue();
  EXPECT_EQ(watched_.end().paid, 2);
}

// Otherwise a stream would be silent while many others are counted, and proxies would close it.
TEST_F(PayAndWatchTest, EachCountIsReportedToAll) {
  gateways_.hold();
  Watched watched[3];
  for (Watched& one : watched) {
    store_.add_invoices(1);  // so no run can share the count of another
    pay(one);
  }
  const std::size_t first = watched[2].reports().size();
  const int before = store_.calls(Call::kProgress);
  ASSERT_TRUE(tests::eventually([&] { return watched[2].reports().size() >= first + 9; }));
  const auto counts = static_cast<std::size_t>(store_.calls(Call::kProgress) - before);
  // The last one may not be reported yet.
  EXPECT_LE(counts, watched[2].reports().size() - first + 1);
  gateways_.let_all_continue();
  for (const Watched& one : watched) EXPECT_EQ(one.end().state, WatchState::kSettled);
}

}  // namespace
}  // namespace invoice_app
