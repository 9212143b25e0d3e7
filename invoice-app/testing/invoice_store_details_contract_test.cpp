// Of InvoiceStoreContract: details, pages, totals, and requests to pay invoices by their ids.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "invoice-app/testing/invoice_store_contract.h"

namespace invoice_app {
namespace {

using namespace std::chrono_literals;
using State = InvoiceState;

Ids pending_of(InvoiceStore& store, const Ids& ids) {
  Ids pending = store.pending_of(ids);
  std::sort(pending.begin(), pending.end());
  return pending;
}

// The first `count` invoices of the store end in this state.
void settle_first(InvoiceStore& store, std::size_t count, Kind kind) {
  for (const Claim& claim : claim_due(store, lease("a"), count)) {
    settle(store, "a", settlement(kind, claim));
  }
}

std::string sum_of(const InvoiceTotal& total) { return total.sum.minor_units(); }

// ---- Details ----

TEST_P(InvoiceStoreContract, DetailsFollowAnInvoiceThroughItsLife) {
  const common::WallTime created = clock_.now();
  add_due(*store_, 1);
  InvoiceDetails expected{{store_->list(0, 1).at(0).sequence, "I1", money(101), State::kUnpaid}};
  expected.created_at = created;
  const auto expect_details = [&](const char* when) {
    EXPECT_EQ(store_->find("I1"), expected) << when;
    EXPECT_EQ(store_->page({}, 0, 10), std::vector{expected}) << when;
    clock_.advance(1s);
  };
  expect_details("added");

  add(*store_, invoices(1, 1));
  Claim claim = claim_due(*store_, lease("a"), 1).at(0);
  expected.state = State::kSending;
  expected.attempts = 1;
  expect_details("added again, claimed");

  settle(*store_, "a", settlement(Kind::kRefused, claim));
  expected.state = State::kRefused;
  expected.refusal = "no";
  expected.refused_at = clock_.now();
  expect_details("refused");

  request_payment(*store_);
  expected.state = State::kUnpaid;
  expected.refusal = "";
  expected.refused_at = std::nullopt;
  expect_details("requested again");

  claim = claim_due(*store_, lease("a"), 1).at(0);
  settle(*store_, "a", settlement(Kind::kPaid, claim));
  expected.state = State::kPaid;
  expected.attempts = 2;
  expected.paid_at = clock_.now();
  expect_details("paid");

  settle(*store_, "b", settlement(Kind::kPaid, claim));
  expect_details("paid again");
}

TEST_P(InvoiceStoreContract, ALatePaymentOfARefusedInvoiceHasItsOwnTime) {
  add_due(*store_, 1);
  const Claim claim = claim_due(*store_, lease("a"), 1).at(0);
  settle(*store_, "a", settlement(Kind::kRefused, claim));
  clock_.advance(1s);
  settle(*store_, "a", settlement(Kind::kPaid, claim));
  const InvoiceDetails details = store_->find("I1").value();
  EXPECT_EQ(details.paid_at, clock_.now());
  EXPECT_EQ(details.refused_at, std::nullopt);
  EXPECT_EQ(details.refusal, "");
}

TEST_P(InvoiceStoreContract, NoInvoiceIsSettledBeforeItsCreationIfTheClockIsSetBack) {
  const common::WallTime created = clock_.now();
  add_due(*store_, 2);
  const auto claims = claim_due(*store_, lease("a"), 2);
  clock_.advance(-1h);
  settle(*store_, "a", settlement(Kind::kPaid, claims.at(0)));
  settle(*store_, "a", settlement(Kind::kRefused, claims.at(1)));
  EXPECT_EQ(store_->find("I1").value().paid_at, created);
  EXPECT_EQ(store_->find("I2").value().refused_at, created);
}

TEST_P(InvoiceStoreContract, AnInvoiceIsFoundByItsExactId) {
  add(*store_, {{"a", money(1)}, {"A", money(2, "BGN")}});
  EXPECT_EQ(store_->find("A").value().amount, money(2, "BGN"));
  for (const char* id : {"", "b", "a ", "aa"}) EXPECT_EQ(store_->find(id), std::nullopt) << id;
}

// ---- Pages ----

struct Selection {
  InvoiceFilter filter;
  Ids ids;
};

TEST_P(InvoiceStoreContract, InvoicesAreFoundByTheirIds) {
  add(*store_, invoices(1, 5));
  const Ids wanted = {"I4", "missing", "I2", "i3", ""};
  std::vector<Invoice> found = store_->find_all(wanted);
  std::sort(found.begin(), found.end(),
            [](const Invoice& a, const Invoice& b) { return a.sequence < b.sequence; });
  EXPECT_EQ(ids(found), (Ids{"I2", "I4"}));
  EXPECT_EQ(found.at(0), *store_->find("I2"));
  EXPECT_EQ(found.at(1), *store_->find("I4"));
  EXPECT_TRUE(store_->find_all({}).empty());
}

TEST_P(InvoiceStoreContract, APageHasTheInvoicesThatFulfilAllConditions) {
  add(*store_, {{"I1", money(1)},
                {"I2", money(1, "JPY")},
                {"I_3", money(1)},
                {"i1", money(1)},
                {"I11", money(1, "BGN")}});
  request_payment(*store_);
  settle_first(*store_, 1, Kind::kPaid);
  settle_first(*store_, 1, Kind::kRefused);
  claim_due(*store_, lease("a"), 1);
  const common::Currency euro = money(1).currency;
  const std::vector<Selection> selections = {
      {{}, {"I1", "I2", "I_3", "i1", "I11"}},
      {{.state = State::kUnpaid}, {"i1", "I11"}},
      {{.state = State::kSending}, {"I_3"}},
      {{.state = State::kPaid}, {"I1"}},
      {{.state = State::kRefused}, {"I2"}},
      {{.currency = euro}, {"I1", "I_3", "i1"}},
      {{.currency = money(1, "BGN").currency}, {"I11"}},
      {{.currency = money(1, "KWD").currency}, {}},
      {{.id_prefix = "I1"}, {"I1", "I11"}},
      {{.id_prefix = "I_"}, {"I_3"}},
      {{.id_prefix = "I111"}, {}},
      {{.state = State::kUnpaid, .currency = euro}, {"i1"}},
      {{.state = State::kUnpaid, .currency = euro, .id_prefix = "I"}, {}},
  };
  for (std::size_t i = 0; i < selections.size(); ++i) {
    EXPECT_EQ(ids(store_->page(selections[i].filter, 0, 10)), selections[i].ids) << i;
  }
}

TEST_P(InvoiceStoreContract, PagesContinueAfterASequence) {
  add(*store_, invoices(1, 7));
  Ids read;
  std::vector<std::size_t> sizes;
  std::int64_t after = 0;
  do {
    const auto page = store_->page({.id_prefix = "I"}, after, 3);
    sizes.push_back(page.size());
    for (const InvoiceDetails& invoice : page) {
      read.push_back(invoice.id);
      after = invoice.sequence;
    }
  } while (sizes.back() > 0);
  EXPECT_EQ(sizes, (std::vector<std::size_t>{3, 3, 1, 0}));
  EXPECT_EQ(read, ids(invoices(1, 7)));
}

// ---- Totals ----

TEST_P(InvoiceStoreContract, TotalsCountAndAddByCurrencyAndState) {
  EXPECT_TRUE(store_->totals().empty());
  add(*store_, {{"1", money(10)},
                {"2", money(5)},
                {"3", money(7, "BGN")},
                {"4", money(1)},
                {"5", money(2)},
                {"6", money(3, "JPY")}});
  request_payment(*store_);
  settle_first(*store_, 2, Kind::kPaid);
  settle_first(*store_, 2, Kind::kRefused);
  claim_due(*store_, lease("a"), 1);
  const auto total = [](const char* currency, State state, std::int64_t count, std::int64_t sum) {
    InvoiceTotal expected{.currency = currency, .state = state, .count = count, .sum = {}};
    expected.sum.add(sum);
    return expected;
  };
  const std::vector<InvoiceTotal> totals = {
      total("BGN", State::kRefused, 1, 7), total("EUR", State::kSending, 1, 2),
      total("EUR", State::kPaid, 2, 15), total("EUR", State::kRefused, 1, 1),
      total("JPY", State::kUnpaid, 1, 3)};
  EXPECT_EQ(store_->totals(), totals);
}

TEST_P(InvoiceStoreContract, TotalsAreExactBeyond64Bits) {
  constexpr int kInvoices = 9'300;
  std::vector<NewInvoice> group;
  for (int i = 0; i < kInvoices; ++i) group.push_back({std::to_string(i), money(1)});
  for (NewInvoice& invoice : group) invoice.amount.minor_units = common::kMaxMinorUnits;
  add(*store_, group);
  const auto totals = store_->totals();
  ASSERT_EQ(totals.size(), 1U);
  EXPECT_EQ(totals[0].count, kInvoices);
  EXPECT_EQ(sum_of(totals[0]), "9299999999999990700");
}

// ---- Requests to pay invoices by their ids ----

TEST_P(InvoiceStoreContract, ARequestByIdCoversTheseInvoicesAndNoOthers) {
  add(*store_, invoices(1, 4));
  EXPECT_EQ(request_payment_of(*store_, {"I2", "I4", "unknown"}), 2);
  EXPECT_TRUE(store_->is_claimable(lease("a")));
  const auto claims = claim_due(*store_, lease("a"), 10);
  EXPECT_EQ(ids(claims), (Ids{"I2", "I4"}));
  EXPECT_EQ(claims.at(0).idempotency_key(), "pay:I2:1");
  EXPECT_EQ(pending_of(*store_, {"I1", "I2", "unknown"}), (Ids{"I1", "I2"}));
  settle(*store_, "a", settlement(Kind::kPaid, claims[0]));
  settle(*store_, "a", settlement(Kind::kRefused, claims[1]));
  EXPECT_EQ(pending_of(*store_, {"I1", "I2", "I4"}), Ids{"I1"});
  EXPECT_FALSE(store_->is_claimable(lease("a", kNow + 10 * kLease)));

  const PayRun all = request_payment(*store_);
  EXPECT_EQ(all.due, 3);
  EXPECT_EQ(ids(claim_due(*store_, lease("a"), 10)), (Ids{"I1", "I3", "I4"}));
}

TEST_P(InvoiceStoreContract, ARequestByIdOfADueInvoiceChangesNothing) {
  add_due(*store_, 2);
  EXPECT_EQ(request_payment_of(*store_, {"I2"}), 1);
  EXPECT_EQ(ids(claim_due(*store_, lease("a"), 10)), (Ids{"I1", "I2"}));
  EXPECT_EQ(request_payment_of(*store_, {"I2"}), 1);
  EXPECT_TRUE(claim_due(*store_, lease("b"), 10).empty()) << "the lease ended";
}

TEST_P(InvoiceStoreContract, ARequestByIdStartsTheNextGenerationOfARefusedInvoice) {
  add(*store_, invoices(1, 2));
  for (const std::string generation : {"1", "2", "3"}) {
    EXPECT_EQ(request_payment_of(*store_, {"I2"}), 1);
    EXPECT_EQ(store_->find("I2").value().state, State::kUnpaid);
    const auto claims = claim_due(*store_, lease("a"), 10);
    ASSERT_EQ(ids(claims), Ids{"I2"});
    EXPECT_EQ(claims[0].idempotency_key(), "pay:I2:" + generation);
    settle(*store_, "a", settlement(Kind::kRefused, claims[0]));
  }
}

TEST_P(InvoiceStoreContract, ARequestByIdOfAPaidInvoiceChangesNothing) {
  add_due(*store_, 1);
  settle_first(*store_, 1, Kind::kPaid);
  const auto paid = store_->find("I1");
  EXPECT_EQ(request_payment_of(*store_, {"I1"}), 0);
  EXPECT_EQ(store_->find("I1"), paid);
  EXPECT_FALSE(store_->is_claimable(lease("a")));
}

TEST_P(InvoiceStoreContract, AnInvoiceRequestedByItsIdStaysDueUntilItsOutcomeIsKnown) {
  add(*store_, invoices(1, 2));
  request_payment_of(*store_, {"I2"});
  claim_due(*store_, lease("a"), 1);
  store_->release("a");
  auto claims = claim_due(*store_, lease("b"), 10);
  ASSERT_EQ(ids(claims), Ids{"I2"}) << "it was released";
  settle(*store_, "b", settlement(Kind::kRetry, claims[0], kNow + 100ms));
  EXPECT_TRUE(claim_due(*store_, lease("a", kNow + 99ms), 10).empty());
  EXPECT_EQ(ids(claim_due(*store_, lease("a", kNow + 100ms), 10)), Ids{"I2"});
  claims = claim_due(*store_, lease("b", kNow + 100ms + kLease), 10);
  ASSERT_EQ(ids(claims), Ids{"I2"}) << "its lease has expired";
  settle(*store_, "b", settlement(Kind::kRetry, claims[0], kNow + 1h));
  EXPECT_EQ(request_payment_of(*store_, {"I2"}), 1);
  EXPECT_EQ(ids(claim_due(*store_, lease("a"), 10)), Ids{"I2"}) << "it was requested again";
}

TEST_P(InvoiceStoreContract, ATransactionThatFailsRequestsNothing) {
  add(*store_, invoices(1, 1));
  const Ids ids = {"I1"};
  EXPECT_THROW(store_->write("request",
                             [&](InvoiceTransaction& changes) {
                               changes.request_payment_of(ids);
                               throw std::runtime_error("no");
                             }),
               std::runtime_error);
  EXPECT_FALSE(store_->is_claimable(lease("a")));
}

TEST_P(InvoiceStoreContract, TheAuditThatBeganLastIsKept) {
  EXPECT_EQ(store_->last_audit(), std::nullopt);
  const AuditRecord first{kNow, kNow + 10s, {1, 2, 3, 4, 5}};
  const AuditRecord later{kNow + 1s, kNow + 2s};
  for (const AuditRecord& record : {first, later}) {
    store_->record_audit(record);
    EXPECT_EQ(open_()->last_audit(), record);
  }
  store_->record_audit({kNow + 999ms, kNow + 5s, {1}});
  EXPECT_EQ(store_->last_audit(), later) << "it began earlier";
  const AuditRecord before_the_kept_one_ended{kNow - 1h, kNow - 59min};
  store_->record_audit(before_the_kept_one_ended);
  EXPECT_EQ(store_->last_audit(), before_the_kept_one_ended) << "the clock was set back";
}

// Invoices are added, requested in both ways, claimed and settled by concurrent processes. Each is
// paid once, and none that was requested is forgotten.
TEST_P(InvoiceStoreContract, ConcurrentRequestsAreAllPaid) {
  constexpr int kStores = 4;
  constexpr int kRounds = 15;
  std::atomic<int> times = 0;  // each is 1 ms later than the one before
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kStores; ++thread) {
    threads.emplace_back([&, thread] {
      const auto store = open_();
      for (int round = 0; round < kRounds; ++round) {
        const std::string id = std::to_string(thread) + "-" + std::to_string(round);
        add(*store, {{id, money(1)}});
        if (thread == 0 && round % 3 == 0) request_payment(*store);
        request_payment_of(*store, {id});
        const Lease own = lease(std::to_string(thread), kNow + std::chrono::milliseconds(++times));
        const auto claims = claim_due(*store, own, 3);
        for (const Claim& claim : claims) {
          settle(*store, own.owner,
                 settlement(round % 5 == 4 ? Kind::kRetry : Kind::kPaid, claim, own.now));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Lease last = lease("last", kNow + kLease / 2);
  while (true) {
    const auto claims = claim_due(*store_, last, 100);
    if (claims.empty()) break;
    for (const Claim& claim : claims) settle(*store_, "last", settlement(Kind::kPaid, claim));
  }
  const auto totals = store_->totals();
  ASSERT_EQ(totals.size(), 1U);
  EXPECT_EQ(totals[0].state, State::kPaid);
  EXPECT_EQ(totals[0].count, kStores * kRounds);
}

}  // namespace
}  // namespace invoice_app
