#include "payment-provider/testing/ledger_contract.h"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace payment_provider {
namespace {

using Kind = PaymentOutcome::Kind;
using Keys = std::vector<std::string>;
using Outcomes = std::vector<PaymentOutcome>;

const PaymentOutcome kAccepted{Kind::kAccepted};
const PaymentOutcome kAcceptedBefore{Kind::kAccepted, true};
const PaymentOutcome kKeyReused{Kind::kKeyReused};
const PaymentOutcome kAmountMismatch{Kind::kAmountMismatch};

PaymentOutcome refused(const std::string& why) { return {Kind::kRefused, false, why}; }
PaymentOutcome refused_before(const std::string& why) { return {Kind::kRefused, true, why}; }

PaymentOrder order(const std::string& key, const std::string& invoice, std::int64_t value = 1215,
                   const char* currency = "EUR") {
  return {.idempotency_key = key,
          .invoice_id = invoice,
          .amount = {value, common::Currency::find_any(currency).value()},
          .refusal = {}};
}

PaymentOrder refusable(PaymentOrder order, const std::string& why = "no") {
  order.refusal = why;
  return order;
}

PaymentOutcome record(Ledger& ledger, const PaymentOrder& order) {
  return ledger.record({&order, 1}).at(0);
}

Keys keys(Ledger& ledger) {
  Keys keys;
  for (const LedgerEntry& entry : ledger.list(0, 10'000)) keys.push_back(entry.idempotency_key);
  return keys;
}

TEST_P(LedgerContract, ANewLedgerIsEmptyAndUsable) {
  ledger_->check();
  EXPECT_TRUE(ledger_->list(0, 10).empty());
  EXPECT_TRUE(ledger_->record({}).empty());
}

TEST_P(LedgerContract, AnAcceptedPaymentIsListedAsItWasOrdered) {
  EXPECT_EQ(record(*ledger_, order("k", "I1", common::kMaxMinorUnits, "KWD")), kAccepted);
  const auto entries = ledger_->list(0, 10);
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_GE(entries[0].sequence, 1);
  EXPECT_EQ(entries[0].idempotency_key, "k");
  EXPECT_EQ(entries[0].invoice_id, "I1");
  EXPECT_EQ(entries[0].amount, order("", "", common::kMaxMinorUnits, "KWD").amount);
  EXPECT_EQ(entries[0].decided_at, clock_.now());
}

TEST_P(LedgerContract, APaymentInAWithdrawnCurrencyIsListedAndReplayed) {
  record(*ledger_, order("k", "I1", 1215, "BGN"));
  EXPECT_EQ(ledger_->list(0, 10).at(0).amount, order("", "", 1215, "BGN").amount);
  const PaymentOrder again = refusable(order("k", "I1", 1215, "BGN"));  // by the rules of today
  EXPECT_EQ(record(*ledger_, again), kAcceptedBefore);
  EXPECT_EQ(record(*ledger_, order("k2", "I1", 1215, "EUR")).kind, Kind::kAmountMismatch);
}

TEST_P(LedgerContract, ARetryGetsTheSameAnswerAndWritesNothing) {
  record(*ledger_, order("k", "I1"));
  const common::WallTime accepted_at = clock_.now();
  clock_.advance(std::chrono::hours(1));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(record(*ledger_, order("k", "I1")), kAcceptedBefore);
  const auto entries = ledger_->list(0, 10);
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].decided_at, accepted_at);
}

TEST_P(LedgerContract, AKeyStandsForOnePaymentOnly) {
  record(*ledger_, order("k", "I1"));
  record(*ledger_, refusable(order("r", "I2")));
  for (const PaymentOrder& other :
       {order("k", "I1", 1216), order("k", "I1", 1215, "GBP"), order("k", "I3"), order("k", "i1"),
        order("r", "I2", 1216), order("r", "I3"), order("r", "I1")}) {
    EXPECT_EQ(record(*ledger_, other), kKeyReused) << other.idempotency_key << other.invoice_id;
    EXPECT_EQ(record(*ledger_, refusable(other)), kKeyReused);
  }
  EXPECT_EQ(keys(*ledger_), Keys{"k"});
  // None of them wrote anything: I3 is not paid, and a key that differs in case is new.
  EXPECT_EQ(record(*ledger_, order("K", "I3")), kAccepted);
}

TEST_P(LedgerContract, AnInvoiceIsPaidOnceWhateverTheKey) {
  record(*ledger_, order("k", "I1"));
  EXPECT_EQ(record(*ledger_, order("other", "I1")), kAcceptedBefore);
  EXPECT_EQ(record(*ledger_, order("other", "I1", 1216)), kAmountMismatch);
  EXPECT_EQ(record(*ledger_, order("other", "I1", 1215, "GBP")), kAmountMismatch);
  EXPECT_EQ(keys(*ledger_), Keys{"k"});
  // None of them recorded the other key.
  EXPECT_EQ(record(*ledger_, order("other", "I2")), kAccepted);
}

TEST_P(LedgerContract, AnInvoiceThatIsPaidStaysPaidWhenTheRulesChange) {
  record(*ledger_, order("k", "I1"));
  EXPECT_EQ(record(*ledger_, refusable(order("k", "I1"))), kAcceptedBefore);
  EXPECT_EQ(record(*ledger_, refusable(order("other", "I1"))), kAcceptedBefore);
  EXPECT_EQ(record(*ledger_, refusable(order("other", "I1", 1))), kAmountMismatch);
}

TEST_P(LedgerContract, ARefusalIsRepeatedForItsKeyWhenTheRulesHaveChanged) {
  EXPECT_EQ(record(*ledger_, refusable(order("k", "I1"), "not in EUR")), refused("not in EUR"));
  EXPECT_EQ(record(*ledger_, order("k", "I1")), refused_before("not in EUR"));
  EXPECT_EQ(record(*ledger_, refusable(order("k", "I1"), "closed")), refused_before("not in EUR"));
  EXPECT_TRUE(keys(*ledger_).empty());
}

TEST_P(LedgerContract, AnInvoiceThatWasRefusedCanBePaidUnderANewKey) {
  record(*ledger_, refusable(order("k1", "I1")));
  EXPECT_EQ(record(*ledger_, refusable(order("k2", "I1"), "still no")), refused("still no"));
  EXPECT_EQ(record(*ledger_, order("k3", "I1")), kAccepted);
  EXPECT_EQ(record(*ledger_, order("k1", "I1")), refused_before("no"));
  EXPECT_EQ(record(*ledger_, order("k2", "I1")), refused_before("still no"));
  EXPECT_EQ(keys(*ledger_), Keys{"k3"});
}

TEST_P(LedgerContract, OrdersOfOneBatchAreDecidedOneAfterTheOther) {
  const std::vector<PaymentOrder> orders = {
      order("a", "I1"),       order("a", "I1"),           order("a", "I2"),
      order("b", "I1"),       order("b", "I1", 9),        refusable(order("c", "I2")),
      order("c", "I2"),       order("d", "I2"),           refusable(order("e", "I2")),
      order("f", "I2", 9999), order("z", "I3", 1, "JPY"),
  };
  EXPECT_EQ(ledger_->record(orders),
            (Outcomes{kAccepted, kAcceptedBefore, kKeyReused, kAcceptedBefore, kAmountMismatch,
                      refused("no"), refused_before("no"), kAccepted, kAcceptedBefore,
                      kAmountMismatch, kAccepted}));
  EXPECT_EQ(keys(*ledger_), (Keys{"a", "d", "z"}));
}

TEST_P(LedgerContract, ALongListIsReadInPagesOldestFirst) {
  for (int i = 1; i <= 9; ++i) {
    PaymentOrder next = order("k" + std::to_string(i), "I" + std::to_string(i));
    if (i % 4 == 0) next.refusal = "no";
    clock_.advance(std::chrono::seconds(-1));  // the order of acceptance counts, not the clock
    record(*ledger_, next);
  }
  Keys read;
  std::vector<std::size_t> sizes;
  std::int64_t after = 0;
  do {
    const auto page = ledger_->list(after, 3);
    sizes.push_back(page.size());
    for (const LedgerEntry& entry : page) {
      EXPECT_GT(entry.sequence, after);
      read.push_back(entry.idempotency_key);
      after = entry.sequence;
    }
  } while (sizes.back() > 0);
  EXPECT_EQ(sizes, (std::vector<std::size_t>{3, 3, 1, 0}));
  EXPECT_EQ(read, (Keys{"k1", "k2", "k3", "k5", "k6", "k7", "k9"}));
}

TEST_P(LedgerContract, AKeyIsAnyPrintableText) {
  const std::string odd = R"( '"\%_?1;-- )" + std::string(240, '~');
  EXPECT_EQ(record(*ledger_, order(odd, "I1")), kAccepted);
  EXPECT_EQ(record(*ledger_, order(odd, "I1")), kAcceptedBefore);
  EXPECT_EQ(keys(*ledger_), Keys{odd});
}

TEST_P(LedgerContract, AllLedgersOnAStorageDecideTheSame) {
  const auto other = open_();
  record(*ledger_, order("k", "I1"));
  record(*other, refusable(order("r", "I2")));
  EXPECT_EQ(record(*other, order("k", "I1")), kAcceptedBefore);
  EXPECT_EQ(record(*other, order("other", "I1", 1)), kAmountMismatch);
  EXPECT_EQ(record(*ledger_, order("r", "I2")), refused_before("no"));
  EXPECT_EQ(keys(*open_()), Keys{"k"});
}

// All ledgers get concurrent orders for the same payments: under a shared key, and under a key of
// their own.
TEST_P(LedgerContract, OfConcurrentOrdersForAnInvoiceOneIsAccepted) {
  constexpr int kThreads = 4;
  constexpr int kInvoices = 50;
  std::atomic<int> accepted = 0;
  std::atomic<int> replayed = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      const auto ledger = open_();
      for (int i = 0; i < kInvoices; ++i) {
        const std::string id = std::to_string(i);
        const std::vector<PaymentOrder> orders = {
            order("shared:" + id, "shared" + id),
            order("own:" + id + ":" + std::to_string(thread), "own" + id)};
        for (const PaymentOutcome& outcome : ledger->record(orders)) {
          accepted += outcome == kAccepted ? 1 : 0;
          replayed += outcome == kAcceptedBefore ? 1 : 0;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(accepted, 2 * kInvoices);
  EXPECT_EQ(replayed, 2 * kInvoices * (kThreads - 1));
  EXPECT_EQ(keys(*ledger_).size(), std::size_t{2 * kInvoices});
}

TEST_P(LedgerContract, TheVersionDiffersAfterEveryPaymentByAnyProcess) {
  const auto other = open_();
  auto version = ledger_->committed_version();
  for (const char* invoice : {"I1", "I2", "I3", "I4"}) {
    record(invoice[1] % 2 == 0 ? *ledger_ : *other, order(invoice, invoice));
    // An unknown version is like no other, and stays unknown.
    EXPECT_FALSE(version && ledger_->version() == version);
    version = ledger_->committed_version();
    EXPECT_EQ(other->committed_version(), version);
    EXPECT_EQ(other->version(), version);
  }
  ledger_->list(0, 10);
  EXPECT_EQ(ledger_->version(), version);
}

}  // namespace
}  // namespace payment_provider
