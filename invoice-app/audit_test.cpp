#include "invoice-app/audit.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/base/unavailable.h"
#include "invoice-app/audit_report.h"
#include "invoice-app/sequence_set.h"
#include "invoice-app/testing/fake_invoice_store.h"
#include "invoice-app/testing/single_writes.h"
#include "tests/support/fake_clock.h"

namespace invoice_app {
namespace {

using namespace std::chrono_literals;
using Names = std::map<std::string, std::vector<std::string>>;  // by kind

common::Money money(std::int64_t minor_units, const char* currency = "EUR") {
  return {minor_units, common::Currency::find_any(currency).value()};
}

class AuditTest : public testing::Test {
 protected:
  void add(const std::string& id, const common::Money& amount = money(100)) {
    const std::vector<NewInvoice> group = {{id, amount}};
    store_.add({&group, 1});
  }

  void settle_all() {
    request_payment(store_);
    const Lease lease{"a", clock_.now(), clock_.now() + 10s};
    std::vector<Settlement> settlements;
    for (const Claim& claim : claim_due(store_, lease, 100'000)) {
      settlements.push_back(
          {.kind = Settlement::Kind::kPaid, .sequence = claim.sequence, .attempt = claim.attempt});
    }
    settle(store_, "a", settlements);
  }

  void accept(const std::string& id, const common::Money& amount = money(100),
              std::chrono::milliseconds age = 0ms) {
    ledger_.push_back({id, amount, clock_.now() - age});
  }

  // Pages of two payments; the cursor is the number of the first one.
  LedgerPage page(const std::optional<std::string>& cursor) {
    if (before_page_) std::exchange(before_page_, nullptr)();
    LedgerPage page;
    std::size_t next = cursor ? std::stoul(*cursor) : 0;
    for (; next < ledger_.size() && page.payments.size() < 2; ++next) {
      page.payments.push_back(ledger_[next]);
    }
    if (next < ledger_.size()) page.next = std::to_string(next);
    return page;
  }

  AuditReport run() {
    named_.clear();
    return audit(store_, [this](const auto& cursor) { return page(cursor); }, clock_,
                 {.grace = 15min, .name = [this](Difference kind, const std::string& what) {
                    const auto name = kDifferences.at(static_cast<std::size_t>(kind)).first;
                    named_[std::string(name)].push_back(what);
                  }});
  }

  tests::FakeClock clock_;
  FakeInvoiceStore store_{clock_};
  std::vector<LedgerPayment> ledger_;
  std::function<void()> before_page_;  // once
  Names named_;
};

TEST_F(AuditTest, NothingIsEqual) {
  EXPECT_TRUE(run().is_equal());
  add("unpaid");
  EXPECT_TRUE(run().is_equal());
}

TEST_F(AuditTest, FindsNothingIfEachPaidInvoiceHasItsPayment) {
  add("a", money(1215));
  add("b", money(100, "JPY"));
  add("c", money(85));
  settle_all();
  add("d");
  accept("c", money(85), 1h);
  accept("a", money(1215));
  accept("b", money(100, "JPY"));
  const AuditReport report = run();
  EXPECT_TRUE(report.is_equal());
  EXPECT_EQ(named_, Names{});
  EXPECT_EQ(to_text(report),
            "EUR: paid invoices 13.00, payments 13.00\n"
            "JPY: paid invoices 100, payments 100\n"
            "no difference: 3 paid invoices, 3 payments (0 not settled yet)\n");
}

TEST_F(AuditTest, FindsEachKindOfDifference) {
  for (const char* id : {"good", "amount", "currency", "missing", "twice"}) add(id);
  settle_all();
  add("unpaid");
  add("unpaid-amount");
  for (const char* id : {"good", "twice", "good-too", "twice", "twice"}) accept(id);
  accept("amount", money(101));
  accept("currency", money(100, "USD"));
  accept("unpaid", money(100), 15min);
  accept("unpaid-amount", money(99));
  const AuditReport report = run();
  EXPECT_FALSE(report.is_equal());
  EXPECT_EQ(named_, (Names{{"PaidWithoutPayment", {"invoice missing, 1.00 EUR"}},
                           {"PaymentWithoutInvoice", {"invoice good-too, 1.00 EUR"}},
                           {"PaymentOfUnpaidInvoice", {"invoice unpaid, 1.00 EUR"}},
                           {"DifferentAmount",
                            {"invoice amount, 1.00 EUR, payment of 1.01 EUR",
                             "invoice currency, 1.00 EUR, payment of 1.00 USD",
                             "invoice unpaid-amount, 1.00 EUR, payment of 0.99 EUR"}},
                           {"PaidTwice", {"invoice twice, 1.00 EUR", "invoice twice, 1.00 EUR"}}}));
  EXPECT_EQ(to_json(report, common::WallTime(1'700'000'000'123ms), 7ms),
            R"({"Result":"different","StartedAt":"2023-11-14T22:13:20.123Z","DurationMs":7,)"
            R"("Invoices":5,"Payments":9,"Unsettled":0,"Differences":{"PaidWithoutPayment":1,)"
            R"("PaymentWithoutInvoice":1,"PaymentOfUnpaidInvoice":1,"DifferentAmount":3,)"
            R"("PaidTwice":2},"Sums":[{"Currency":"EUR","Invoices":{"Count":5,"Sum":5.00},)"
            R"("Payments":{"Count":8,"Sum":8.00}},{"Currency":"USD",)"
            R"("Invoices":{"Count":0,"Sum":0.00},"Payments":{"Count":1,"Sum":1.00}}]})"
            "\n");
}

TEST_F(AuditTest, APaymentOfAnUnpaidInvoiceIsADifferenceOnlyIfItIsOld) {
  add("a");
  for (const auto& [age, is_difference] : std::vector<std::pair<std::chrono::milliseconds, bool>>{
           {0ms, false}, {15min - 1ms, false}, {15min, true}, {-1min, false}, {-15min, true}}) {
    ledger_.clear();
    accept("a", money(100), age);
    const AuditReport report = run();
    EXPECT_EQ(report.is_equal(), !is_difference) << age.count();
    EXPECT_EQ(report.unsettled, is_difference ? 0 : 1) << age.count();
  }
}

TEST_F(AuditTest, WhatIsPaidDuringTheAuditIsNoDifference) {
  for (const char* id : {"a", "b", "c"}) add(id);
  for (const char* id : {"a", "b", "c"}) accept(id, money(100), 1h);
  before_page_ = [this] { settle_all(); };
  AuditReport report = run();
  EXPECT_TRUE(report.is_equal());
  EXPECT_EQ(report.by_currency.at("EUR").invoices.count, 3);

  before_page_ = [this] {  // a payment after the last page that is read
    add("d");
    settle_all();
  };
  report = run();
  EXPECT_TRUE(report.is_equal());
  EXPECT_EQ(report.by_currency.at("EUR").invoices.count, 3);
}

TEST_F(AuditTest, AnInvoiceThatIsPaidAfterItsPaymentWasReadIsLookedAtAgain) {
  add("a");
  accept("a", money(100), 1h);
  std::size_t pages = 0;
  const auto read = [&](const std::optional<std::string>& cursor) {
    if (++pages == 2) settle_all();
    LedgerPage read_page = page(cursor);
    if (pages == 1) read_page.next = "1";
    return read_page;
  };
  const AuditReport report = audit(store_, read, clock_);
  EXPECT_EQ(pages, 2U);
  EXPECT_TRUE(report.is_equal());
  EXPECT_EQ(report.by_currency.at("EUR").invoices.count, 1);
}

TEST_F(AuditTest, ReadsManyPagesAndNamesTheFirstDifferences) {
  store_.add_invoices(3'500);
  settle_all();
  const AuditReport report = run();
  EXPECT_EQ(report.differences.front(), 3'500);
  EXPECT_EQ(named_.at("PaidWithoutPayment").size(), static_cast<std::size_t>(kMaxNamed));
}

TEST_F(AuditTest, FailsIfTheStoreOrTheLedgerFails) {
  store_.add_invoices(1);
  accept("I1");
  for (const auto call : {FakeInvoiceStore::Call::kList, FakeInvoiceStore::Call::kFindAll}) {
    store_.fail(call);
    EXPECT_THROW(run(), common::Unavailable);
    store_.repair();
  }
  before_page_ = [] { throw common::Unavailable("no ledger"); };
  EXPECT_THROW(run(), common::Unavailable);
}

TEST_F(AuditTest, FailsIfAPageIsEmptyAndNotTheLast) {
  const auto empty = [](const auto&) { return LedgerPage{{}, "1"}; };
  EXPECT_THROW(audit(store_, empty, clock_), common::Unavailable);
}

TEST_F(AuditTest, FailsIfACursorComesAgain) {
  for (const int first : {0, 1, 5}) {
    for (const int pages : {1, 2, 3, 100}) {  // that come over and over, after the first ones
      int reads = 0;
      const auto read = [&](const std::optional<std::string>& cursor) {
        if (++reads > 1'000) throw std::logic_error("reads on");
        const int next = cursor ? std::stoi(*cursor) + 1 : 1;
        return LedgerPage{{{"I1", money(1), clock_.now()}},
                          std::to_string(next == first + pages + 1 ? first + 1 : next)};
      };
      EXPECT_THROW(audit(store_, read, clock_), common::Unavailable) << first << " " << pages;
    }
  }
}

TEST_F(AuditTest, FailsIfTheLedgerTakesTooLong) {
  constexpr int kPages = 100;
  for (const auto& [of_a_page, is_in_time] : {std::pair(kLongestReading / kPages, true),
                                              std::pair(2 * kLongestReading / kPages, false)}) {
    const auto read = [&](const std::optional<std::string>& cursor) {
      clock_.advance(of_a_page);
      const int next = cursor ? std::stoi(*cursor) + 1 : 1;
      LedgerPage page{{{"I1", money(1), clock_.now()}}, std::to_string(next)};
      if (next == kPages) page.next.reset();
      return page;
    };
    if (is_in_time) {
      EXPECT_EQ(audit(store_, read, clock_).by_currency.at("EUR").payments.count, kPages);
    } else {
      EXPECT_THROW(audit(store_, read, clock_), common::Unavailable);
    }
  }
}

TEST(SequenceSet, KeepsSequencesInOrder) {
  SequenceSet set;
  EXPECT_EQ(set.next(0), std::nullopt);
  const std::vector<std::int64_t> sequences = {1, 2, 4095, 4096, 4097, 8192, 1'000'000'000'000};
  for (auto sequence = sequences.rbegin(); sequence != sequences.rend(); ++sequence) {
    EXPECT_TRUE(set.insert(*sequence));
    EXPECT_FALSE(set.insert(*sequence));
  }
  std::vector<std::int64_t> found;
  for (auto next = set.next(0); next; next = set.next(*next)) found.push_back(*next);
  EXPECT_EQ(found, sequences);
  EXPECT_TRUE(set.erase(4096));
  EXPECT_FALSE(set.erase(4096));
  EXPECT_FALSE(set.erase(3));
  EXPECT_FALSE(set.erase(500'000));
  EXPECT_FALSE(set.contains(4096));
  EXPECT_TRUE(set.contains(4097));
  EXPECT_EQ(set.next(4095), 4097);
  EXPECT_EQ(set.next(4097), 8192);
}

}  // namespace
}  // namespace invoice_app
