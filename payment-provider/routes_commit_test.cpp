// Payments and batches that share a commit.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/unavailable.h"
#include "common/http/limits.h"
#include "payment-provider/routes_fixture.h"
#include "tests/support/eventually.h"

namespace payment_provider {
namespace {

using common::HttpRequest;
using common::HttpRespond;
using common::HttpResponse;
using nlohmann::json;

// Its first record() lasts until finish(), so that requests queue in the meantime.
class SlowFirstRecord : public Ledger {
 public:
  explicit SlowFirstRecord(Ledger& ledger) : ledger_(ledger) {}

  std::vector<PaymentOutcome> record(std::span<const PaymentOrder> orders) override {
    bool is_first = false;
    {
      const common::MutexLock lock(mutex_);
      is_first = sizes_.empty();
      sizes_.push_back(orders.size());
    }
    if (is_first) {
      has_begun_.set_value();
      may_end_.get_future().wait();
    }
    return ledger_.record(orders);
  }
  std::vector<LedgerEntry> page(const LedgerFilter& filter, std::int64_t after,
                                std::size_t limit) override {
    return ledger_.page(filter, after, limit);
  }
  std::optional<LedgerEntry> find(const std::string& invoice_id) override {
    return ledger_.find(invoice_id);
  }
  std::vector<LedgerTotal> totals() override { return ledger_.totals(); }
  std::optional<std::uint64_t> version() override { return std::nullopt; }
  std::optional<std::uint64_t> committed_version() override { return std::nullopt; }
  void check() override { ledger_.check(); }

  void await_begin() { has_begun_.get_future().wait(); }
  void finish() { may_end_.set_value(); }
  // How many orders each call had.
  std::vector<std::size_t> sizes() const {
    const common::MutexLock lock(mutex_);
    return sizes_;
  }

 private:
  Ledger& ledger_;
  std::promise<void> has_begun_;
  std::promise<void> may_end_;
  mutable common::Mutex mutex_;
  std::vector<std::size_t> sizes_ GUARDED_BY(mutex_);
};

class SharedCommits : public PaymentRoutes {
 protected:
  using Bodies = std::vector<std::future<std::string>>;

  // Returns when the request is queued.
  void pay(const std::string& body) {
    submit([&](const HttpRespond& respond) { routes_.pay({.body = body}, respond); });
  }
  void pay_batch(const std::string& body) {
    submit([&](const HttpRespond& respond) { routes_.pay_batch({.body = body}, respond); });
  }
  // The response to the request that was queued as number `index`.
  json response(std::size_t index) { return json::parse(bodies_[index].get()); }

  SlowFirstRecord slow_{ledger_};

 private:
  void submit(const std::function<void(const HttpRespond&)>& request) {
    const auto body = std::make_shared<std::promise<std::string>>();
    request(
        [body](const common::Outcome<HttpResponse>& outcome) { body->set_value(outcome().body); });
    bodies_.push_back(body->get_future());
  }

  Bodies bodies_;
  prometheus::Registry registry_;
  Routes routes_{slow_, {}, std::nullopt, {registry_, "record"}};
};

TEST_F(SharedCommits, EachRequestGetsItsOwnResults) {
  pay(R"({"id":"I0","value":1,"currency":"EUR"})");
  slow_.await_begin();
  pay_batch(array({payment("a", "I1"), payment("b", "I2")}));
  pay(R"({"id":"I3","value":1,"currency":"EUR"})");
  pay_batch(array({payment("b", "I2"), payment("c", "I1", "1"), payment("d", "I4")}));
  slow_.finish();
  EXPECT_EQ(response(0), (json{{"id", "I0"}}));
  EXPECT_EQ(response(1), json::parse(R"([{"id":"I1","idempotencyKey":"a","status":200},
                                         {"id":"I2","idempotencyKey":"b","status":200}])"));
  EXPECT_EQ(response(2), (json{{"id", "I3"}}));
  const json last = response(3);
  ASSERT_EQ(last.size(), 3U);
  EXPECT_EQ(last[0],
            json::parse(R"({"id":"I2","idempotencyKey":"b","status":200,"replayed":true})"));
  EXPECT_EQ(last[1]["type"], "urn:problem:amount-mismatch");
  EXPECT_EQ(last[2], json::parse(R"({"id":"I4","idempotencyKey":"d","status":200})"));
  EXPECT_EQ(slow_.sizes(), (std::vector<std::size_t>{1, 6}));
}

TEST_F(SharedCommits, AFullBatchIsOneCommit) {
  pay_batch(many(1));
  slow_.await_begin();
  pay_batch(many(common::kMaxBatchPayments));
  pay_batch(many(2));
  pay(R"({"id":"I0","value":1,"currency":"EUR"})");
  slow_.finish();
  EXPECT_EQ(response(1).size(), common::kMaxBatchPayments);
  EXPECT_EQ(response(2).size(), 2U);
  response(3);
  EXPECT_EQ(slow_.sizes(), (std::vector<std::size_t>{1, common::kMaxBatchPayments, 3}));
}

TEST_F(SharedCommits, AFullQueueRefusesFurtherRequests) {
  if (tests::kSlowdown > 1) GTEST_SKIP() << "the first would wait for too long";
  pay_batch(many(1));
  slow_.await_begin();
  const std::string batch = many(common::kMaxBatchPayments);
  std::size_t queued = 0;
  constexpr std::size_t kTooMany = 100;
  const auto queue_batches = [&] {
    for (; queued < kTooMany; ++queued) pay_batch(batch);
  };
  EXPECT_THROW(queue_batches(), common::Unavailable);
  EXPECT_THROW(pay(R"({"id":"new","value":1,"currency":"EUR"})"), common::Unavailable);
  slow_.finish();
  for (std::size_t i = 1; i <= queued; ++i)
    EXPECT_EQ(response(i).size(), common::kMaxBatchPayments);
  EXPECT_EQ(provider_.payments().size(), common::kMaxBatchPayments);
}

}  // namespace
}  // namespace payment_provider
