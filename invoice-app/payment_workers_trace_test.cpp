// The traces and request ids of the calls that PaymentWorkers make.

#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/log/request_context.h"
#include "invoice-app/testing/payment_workers_fixture.h"

namespace invoice_app {
namespace {

using namespace std::chrono_literals;
using common::RequestContext;
using Call = FakeInvoiceStore::Call;
using Kind = PaymentAnswer::Kind;

const std::string kSpan = "00f067aa0ba902b7";

RequestContext request(const std::string& id, char digit) {
  return {.request_id = id,
          .trace = {.traceparent = "00-" + std::string(32, digit) + '-' + kSpan + "-01",
                    .tracestate = "a=1"}};
}

class PaymentWorkersTraceTest : public PaymentWorkersTest {
 protected:
  PaymentWorkersTraceTest() {
    gateways_.answer_with([this](const Claim&, int nth) -> PaymentAnswer {
      common::MutexLock lock(mutex_);
      calls_.push_back(common::current_request());
      return {nth <= failures_ ? Kind::kUnknown : Kind::kPaid, "timed out"};
    });
  }

  // Workers that look for due invoices only at the start, after a request and for retries.
  std::unique_ptr<PaymentWorkers> start_lazy() {
    PaymentWorkersOptions options = worker_options("worker", 1);
    options.look_interval = 1h;
    auto workers = start(options, system_clock_);
    EXPECT_TRUE(store_.eventually_called(Call::kIsClaimable, 1));  // at the start
    return workers;
  }

  std::vector<RequestContext> calls() const {
    common::MutexLock lock(mutex_);
    return calls_;
  }
  std::set<std::string> spans() const {
    std::set<std::string> spans;
    for (const RequestContext& call : calls()) spans.emplace(call.trace.span_id());
    return spans;
  }

  int failures_ = 0;

 private:
  mutable common::Mutex mutex_;
  std::vector<RequestContext> calls_ GUARDED_BY(mutex_);
};

TEST_F(PaymentWorkersTraceTest, CallsForOneRequestAreSpansOfItsTrace) {
  const auto workers = start_lazy();
  for (const char digit : {'a', 'b'}) {
    store_.add_invoices(20);  // more than one claim
    const RequestContext sender = request(std::string("request-") + digit, digit);
    workers->request_payment({sender});
    ASSERT_TRUE(store_.eventually_all(InvoiceState::kPaid));
    const RequestContext call = calls().back();
    EXPECT_EQ(call.request_id, sender.request_id);
    EXPECT_EQ(call.trace.trace_id(), sender.trace.trace_id());
    EXPECT_EQ(call.trace.tracestate, "a=1");
    EXPECT_EQ(call.trace.parent_span_id, kSpan);
    EXPECT_TRUE(call.trace.traceparent.ends_with("-01")) << call.trace.traceparent;
  }
  const auto all = calls();
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].trace.trace_id(), std::string(32, i < 20 ? 'a' : 'b')) << i;
  }
  EXPECT_EQ(spans().size(), 40U);
  EXPECT_FALSE(spans().contains(kSpan));
}

TEST_F(PaymentWorkersTraceTest, CallsForTwoRequestsHaveATraceOfTheirOwn) {
  gateways_.hold();
  const auto workers = start_lazy();
  store_.add_invoices(3);
  workers->request_payment({request("first", 'a')});
  ASSERT_TRUE(gateways_.eventually_in_flight(1));
  workers->request_payment({request("second", 'b')});
  gateways_.let_all_continue();
  ASSERT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  const auto all = calls();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].trace.trace_id(), std::string(32, 'a'));
  for (std::size_t i = 1; i < all.size(); ++i) {
    EXPECT_EQ(all[i].request_id, "second");
    EXPECT_EQ(all[i].trace.trace_id(), all[1].trace.trace_id());
    EXPECT_NE(all[i].trace.trace_id(), std::string(32, 'a'));
    EXPECT_NE(all[i].trace.trace_id(), std::string(32, 'b'));
    EXPECT_EQ(all[i].trace.tracestate, "");
  }
}

TEST_F(PaymentWorkersTraceTest, CallsForCallersThatShareARequestHaveATraceOfTheirOwn) {
  const auto workers = start_lazy();
  store_.add_invoices(1);
  workers->request_payment({request("first", 'a'), request("second", 'b')});
  ASSERT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  const RequestContext call = calls().front();
  EXPECT_EQ(call.request_id, "second");
  EXPECT_NE(call.trace.trace_id(), std::string(32, 'a'));
  EXPECT_NE(call.trace.trace_id(), std::string(32, 'b'));
}

TEST_F(PaymentWorkersTraceTest, ALaterRetryHasATraceOfItsOwnAndTheSameRequestId) {
  failures_ = 1;
  PaymentWorkersOptions options = worker_options();
  options.lease = 2h;
  options.caller.retry.first_backoff = options.caller.retry.longest_backoff = 1h;
  const auto workers = start(options, clock_);
  ASSERT_TRUE(store_.eventually_called(Call::kIsClaimable, 1));
  store_.add_invoices(1);
  workers->request_payment({request("first", 'a')});
  ASSERT_TRUE(store_.eventually_called(Call::kSettle, 1));
  ASSERT_TRUE(eventually_looked_again());
  clock_.advance(1h);
  ASSERT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  const auto all = calls();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].request_id, "first");
  EXPECT_EQ(all[1].trace.trace_id().size(), 32U);
  EXPECT_NE(all[1].trace.trace_id(), std::string(32, 'a'));
}

TEST_F(PaymentWorkersTraceTest, CallsForRequestsOfOtherProcessesHaveATraceOfTheirOwn) {
  add_due(1);
  const auto workers = start();
  ASSERT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  add_due(1);
  ASSERT_TRUE(store_.eventually_all(InvoiceState::kPaid));
  const auto all = calls();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].trace.trace_id().size(), 32U);
  EXPECT_EQ(all[1].trace.trace_id().size(), 32U);
  EXPECT_NE(all[0].trace.trace_id(), all[1].trace.trace_id());
}

}  // namespace
}  // namespace invoice_app
