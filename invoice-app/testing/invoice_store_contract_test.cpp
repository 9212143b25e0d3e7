#include "invoice-app/testing/invoice_store_contract.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace invoice_app {
namespace {

using Kind = Settlement::Kind;
using Groups = std::vector<std::vector<NewInvoice>>;
using Ids = std::vector<std::string>;

constexpr std::int64_t kNow = 1'700'000'000'000;
constexpr std::int64_t kLeaseMs = 10'000;

common::Money money(std::int64_t minor_units, const char* currency = "EUR") {
  return {minor_units, common::Currency::find(currency).value()};
}

// I1, I2, ... of 1.01 EUR, 1.02 EUR, ...
std::vector<NewInvoice> invoices(int first, int last) {
  std::vector<NewInvoice> group;
  for (int i = first; i <= last; ++i) group.push_back({"I" + std::to_string(i), money(100 + i)});
  return group;
}

AddOutcome add(InvoiceStore& store, const std::vector<NewInvoice>& group) {
  return store.add({&group, 1}).at(0);
}

// Adds I1 .. I<count>, which are then due.
PayRun add_due(InvoiceStore& store, int count) {
  add(store, invoices(1, count));
  return store.request_payment();
}

Lease lease(const std::string& owner, std::int64_t now_ms = kNow) {
  return {owner, now_ms, now_ms + kLeaseMs};
}

Settlement settlement(Kind kind, const Claim& claim, std::int64_t retry_at_ms = 0) {
  return {.kind = kind,
          .sequence = claim.sequence,
          .attempt = claim.attempt,
          .refusal = "no",
          .retry_at_ms = retry_at_ms};
}

void settle(InvoiceStore& store, const std::string& owner, const Settlement& settlement) {
  store.settle(owner, {&settlement, 1});
}

template <typename Invoices>
Ids ids(const Invoices& invoices) {
  Ids ids;
  for (const auto& invoice : invoices) ids.push_back(invoice.id);
  return ids;
}

Ids all_ids(InvoiceStore& store) { return ids(store.list(0, 1000)); }

InvoiceState state_of(InvoiceStore& store, std::size_t number) {
  return store.list(0, 1000).at(number - 1).state;
}

// Whether both ways to ask say that so much is pending and refused.
void expect_progress(InvoiceStore& store, const PayRun& run, int pending, int refused) {
  const PayProgress progress = store.progress(run);
  EXPECT_EQ(progress.pending, pending);
  EXPECT_EQ(progress.refused, refused);
  EXPECT_EQ(store.is_pending(run), pending > 0);
}

// ---- Adding and listing ----

TEST_P(InvoiceStoreContract, ANewStoreIsEmptyAndUsable) {
  store_->check();
  EXPECT_TRUE(store_->list(0, 10).empty());
  const PayRun run = store_->request_payment();
  EXPECT_EQ(run.due, 0);
  EXPECT_TRUE(store_->claim(lease("a"), 10).empty());
  expect_progress(*store_, run, 0, 0);
}

TEST_P(InvoiceStoreContract, InvoicesAreListedAsAddedInOrderOfCreation) {
  const AddOutcome outcome =
      add(*store_, {{"b", money(1)}, {"a", money(common::kMaxMinorUnits, "KWD")}});
  EXPECT_EQ(outcome.added, 2U);
  EXPECT_EQ(outcome.conflict, std::nullopt);
  EXPECT_EQ(ids(outcome.invoices), (Ids{"b", "a"}));
  add(*store_, {{"A", money(5, "JPY")}});  // ids differ in case

  const std::vector<Invoice> listed = store_->list(0, 10);
  ASSERT_EQ(ids(listed), (Ids{"b", "a", "A"}));
  EXPECT_EQ(listed[0].amount, money(1));
  EXPECT_EQ(listed[1].amount, money(common::kMaxMinorUnits, "KWD"));
  EXPECT_EQ(listed[2].amount, money(5, "JPY"));
  EXPECT_GE(listed[0].sequence, 1);
  EXPECT_LT(listed[0].sequence, listed[1].sequence);
  EXPECT_LT(listed[1].sequence, listed[2].sequence);
  for (const Invoice& invoice : listed) EXPECT_EQ(invoice.state, InvoiceState::kUnpaid);
}

TEST_P(InvoiceStoreContract, ALongListIsReadInPages) {
  add(*store_, invoices(1, 7));
  Ids read;
  std::vector<std::size_t> sizes;
  std::int64_t after = 0;
  do {
    const auto page = store_->list(after, 3);
    sizes.push_back(page.size());
    for (const Invoice& invoice : page) {
      read.push_back(invoice.id);
      after = invoice.sequence;
    }
  } while (sizes.back() > 0);
  EXPECT_EQ(sizes, (std::vector<std::size_t>{3, 3, 1, 0}));
  EXPECT_EQ(read, ids(invoices(1, 7)));
}

TEST_P(InvoiceStoreContract, AddingAgainChangesNothingAndShowsHowThingsAre) {
  add_due(*store_, 1);
  settle(*store_, "a", settlement(Kind::kPaid, store_->claim(lease("a"), 1).at(0)));
  const AddOutcome again = add(*store_, invoices(1, 2));
  EXPECT_EQ(again.added, 1U);
  EXPECT_EQ(again.conflict, std::nullopt);
  ASSERT_EQ(ids(again.invoices), (Ids{"I1", "I2"}));
  EXPECT_EQ(again.invoices[0].state, InvoiceState::kPaid);
  EXPECT_EQ(again.invoices[1].state, InvoiceState::kUnpaid);
  EXPECT_EQ(add(*store_, invoices(1, 2)).added, 0U);
  EXPECT_EQ(all_ids(*store_), (Ids{"I1", "I2"}));
}

TEST_P(InvoiceStoreContract, WhatStandsTwiceInAGroupCountsOnce) {
  const AddOutcome outcome = add(*store_, {{"I1", money(1)}, {"I2", money(2)}, {"I1", money(1)}});
  EXPECT_EQ(outcome.added, 2U);
  ASSERT_EQ(ids(outcome.invoices), (Ids{"I1", "I2", "I1"}));
  EXPECT_EQ(outcome.invoices[0].sequence, outcome.invoices[2].sequence);
  EXPECT_EQ(all_ids(*store_), (Ids{"I1", "I2"}));
}

TEST_P(InvoiceStoreContract, AGroupWithAConflictAddsNothingAndOtherGroupsAreAdded) {
  add(*store_, {{"old", money(1)}});
  const Groups groups = {
      {{"A", money(1)}},
      {{"B", money(1)}, {"old", money(2)}, {"A", money(9)}},  // other value; the first counts
      {{"C", money(1)}, {"D", money(1)}, {"old", money(1, "GBP")}},  // other currency
      {{"E", money(1)}, {"E", money(2)}},                            // in conflict with itself
      {{"B", money(7)}, {"old", money(1)}},                          // no B was added above
  };
  const std::vector<AddOutcome> outcomes = store_->add(groups);
  ASSERT_EQ(outcomes.size(), groups.size());
  const std::vector<std::optional<std::size_t>> conflicts = {std::nullopt, 1, 2, 1, std::nullopt};
  const std::vector<std::size_t> added = {1, 0, 0, 0, 1};
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    EXPECT_EQ(outcomes[i].conflict, conflicts[i]) << "group " << i;
    EXPECT_EQ(outcomes[i].added, added[i]) << "group " << i;
    EXPECT_EQ(outcomes[i].invoices.empty(), conflicts[i].has_value()) << "group " << i;
  }
  EXPECT_EQ(all_ids(*store_), (Ids{"old", "A", "B"}));
  EXPECT_EQ(store_->list(0, 10).at(2).amount, money(7));
}

TEST_P(InvoiceStoreContract, AddingNothingIsFine) {
  EXPECT_TRUE(store_->add({}).empty());
  const AddOutcome outcome = add(*store_, {});
  EXPECT_EQ(outcome.added, 0U);
  EXPECT_EQ(outcome.conflict, std::nullopt);
}

// ---- Requests to pay, claims and leases ----

TEST_P(InvoiceStoreContract, NothingIsClaimedBeforePaymentIsRequested) {
  add(*store_, invoices(1, 3));
  EXPECT_TRUE(store_->claim(lease("a"), 10).empty());
}

TEST_P(InvoiceStoreContract, ARequestCoversWhatIsThereAndNothingAddedLater) {
  const PayRun run = add_due(*store_, 2);
  EXPECT_EQ(run.due, 2);
  add(*store_, invoices(3, 4));
  expect_progress(*store_, run, 2, 0);
  EXPECT_EQ(ids(store_->claim(lease("a"), 10)), (Ids{"I1", "I2"}));
  const PayRun next = store_->request_payment();
  EXPECT_EQ(next.due, 4);
  EXPECT_GT(next.through, run.through);
  EXPECT_EQ(ids(store_->claim(lease("a"), 10)), (Ids{"I3", "I4"}));
}

TEST_P(InvoiceStoreContract, AClaimSaysAllThatAPaymentNeedsOldestFirst) {
  add_due(*store_, 5);
  const std::vector<Claim> claims = store_->claim(lease("a"), 3);
  ASSERT_EQ(ids(claims), (Ids{"I1", "I2", "I3"}));
  const Invoice second = store_->list(0, 10).at(1);
  EXPECT_EQ(claims[1].sequence, second.sequence);
  EXPECT_EQ(claims[1].amount, second.amount);
  EXPECT_EQ(claims[1].generation, 1);
  EXPECT_EQ(claims[1].attempt, 1);
  EXPECT_EQ(claims[1].idempotency_key(), "pay:I2:1");
  EXPECT_EQ(state_of(*store_, 3), InvoiceState::kSending);
  EXPECT_EQ(state_of(*store_, 4), InvoiceState::kUnpaid);
  EXPECT_EQ(ids(store_->claim(lease("b"), 3)), (Ids{"I4", "I5"}));
}

TEST_P(InvoiceStoreContract, ALeaseKeepsOthersOutUntilItRunsOut) {
  add_due(*store_, 1);
  ASSERT_EQ(store_->claim(lease("a"), 1).size(), 1U);
  EXPECT_TRUE(store_->claim(lease("a"), 1).empty());
  EXPECT_TRUE(store_->claim(lease("b", kNow + kLeaseMs - 1), 1).empty());
  const auto claims = store_->claim(lease("b", kNow + kLeaseMs), 1);
  ASSERT_EQ(claims.size(), 1U);
  EXPECT_EQ(claims[0].attempt, 2);
  EXPECT_EQ(claims[0].idempotency_key(), "pay:I1:1");
  EXPECT_TRUE(store_->claim(lease("a", kNow + kLeaseMs), 1).empty());
}

TEST_P(InvoiceStoreContract, WhatIsNewIsClaimedBeforeWhatWasClaimedBefore) {
  add_due(*store_, 4);
  const auto claims = store_->claim(lease("a"), 2);
  settle(*store_, "a", settlement(Kind::kRetry, claims[0], kNow + 1));
  EXPECT_EQ(ids(store_->claim(lease("b", kNow + kLeaseMs), 10)), (Ids{"I3", "I4", "I1", "I2"}));
}

// A process that read the clock a little earlier, and had its turn later, holds no lease invalid.
TEST_P(InvoiceStoreContract, AClockThatIsALittleBehindTakesNoLeaseAway) {
  add_due(*store_, 1);
  ASSERT_EQ(store_->claim(lease("a"), 1).size(), 1U);
  for (const std::int64_t behind_ms : {std::int64_t{1}, kLeaseMs / 2, kLeaseMs}) {
    EXPECT_TRUE(store_->claim(lease("b", kNow - behind_ms), 1).empty()) << behind_ms;
  }
}

TEST_P(InvoiceStoreContract, NothingWaitsForAClockThatWasSetBack) {
  add_due(*store_, 2);
  const auto claims = store_->claim(lease("a"), 2);
  settle(*store_, "a", settlement(Kind::kRetry, claims[1], kNow + kLeaseMs));
  const std::int64_t hour_ms = 3'600'000;
  const auto again = store_->claim(lease("b", kNow - hour_ms), 10);
  EXPECT_EQ((std::set<std::string>{again.at(0).id, again.at(1).id}),
            (std::set<std::string>{"I1", "I2"}));
  // The new leases hold by the clock as it is now.
  EXPECT_TRUE(store_->claim(lease("a", kNow - hour_ms + kLeaseMs - 1), 10).empty());
  EXPECT_EQ(store_->claim(lease("a", kNow - hour_ms + kLeaseMs), 10).size(), 2U);
}

TEST_P(InvoiceStoreContract, AClockThatSteppedForthAndBackLosesNothing) {
  add_due(*store_, 1);
  const std::int64_t day_ms = 86'400'000;
  std::int64_t attempt = 0;
  for (const std::int64_t offset_ms : {std::int64_t{0}, day_ms, std::int64_t{0}, -day_ms}) {
    const auto claims = store_->claim(lease("a", kNow + offset_ms), 1);
    ASSERT_EQ(claims.size(), 1U) << offset_ms;
    EXPECT_EQ(claims[0].attempt, ++attempt);
    EXPECT_EQ(claims[0].generation, 1);
  }
}

TEST_P(InvoiceStoreContract, ReleaseGivesBackWhatTheOwnerHoldsAndNothingElse) {
  add_due(*store_, 5);
  const auto claims = store_->claim(lease("a"), 4);
  settle(*store_, "a", settlement(Kind::kPaid, claims[0]));
  settle(*store_, "a", settlement(Kind::kRefused, claims[1]));
  settle(*store_, "a", settlement(Kind::kRetry, claims[2], kNow + 1000));
  ASSERT_EQ(ids(store_->claim(lease("b"), 1)), Ids{"I5"});
  store_->release("a");
  store_->release("nobody");
  const auto again = store_->claim(lease("c"), 10);
  ASSERT_EQ(ids(again), Ids{"I4"});
  EXPECT_EQ(again[0].attempt, 2);
  // What it gave back isn't its own any more.
  settle(*store_, "a", settlement(Kind::kRefused, claims[3]));
  EXPECT_EQ(state_of(*store_, 4), InvoiceState::kSending);
}

TEST_P(InvoiceStoreContract, WhatWasReleasedIsDueWithoutAnotherRequest) {
  const PayRun run = add_due(*store_, 1);
  store_->claim(lease("a"), 1);
  store_->release("a");
  expect_progress(*store_, run, 1, 0);
  EXPECT_EQ(store_->claim(lease("b"), 1).size(), 1U);
}

// ---- Settlements ----

TEST_P(InvoiceStoreContract, PaidIsTakenFromAnyone) {
  add_due(*store_, 4);
  const auto claims = store_->claim(lease("a"), 3);
  store_->claim(lease("b", kNow + kLeaseMs), 1);  // I4, so that all have been claimed
  settle(*store_, "a", settlement(Kind::kPaid, claims[0]));
  settle(*store_, "stranger", settlement(Kind::kPaid, claims[1]));
  Settlement old_attempt = settlement(Kind::kPaid, claims[2]);
  old_attempt.attempt = 77;
  settle(*store_, "a", old_attempt);
  for (const std::size_t number : {1U, 2U, 3U}) {
    EXPECT_EQ(state_of(*store_, number), InvoiceState::kPaid) << number;
  }
  EXPECT_EQ(state_of(*store_, 4), InvoiceState::kSending);
}

TEST_P(InvoiceStoreContract, PaidIsNeverUndone) {
  const PayRun run = add_due(*store_, 1);
  const Claim claim = store_->claim(lease("a"), 1).at(0);
  settle(*store_, "b", settlement(Kind::kPaid, claim));
  for (const Kind kind : {Kind::kRefused, Kind::kRetry, Kind::kPaid}) {
    settle(*store_, "a", settlement(kind, claim));
    EXPECT_EQ(state_of(*store_, 1), InvoiceState::kPaid);
  }
  store_->release("a");
  EXPECT_EQ(store_->request_payment().due, 0);
  EXPECT_EQ(state_of(*store_, 1), InvoiceState::kPaid);
  EXPECT_TRUE(store_->claim(lease("a", kNow + 10 * kLeaseMs), 1).empty());
  expect_progress(*store_, run, 0, 0);
}

TEST_P(InvoiceStoreContract, PaidIsTakenAfterARefusalToo) {
  add_due(*store_, 2);
  const auto claims = store_->claim(lease("a"), 2);
  for (const Claim& claim : claims) settle(*store_, "a", settlement(Kind::kRefused, claim));
  settle(*store_, "b", settlement(Kind::kPaid, claims[0]));
  EXPECT_EQ(state_of(*store_, 1), InvoiceState::kPaid);
  EXPECT_EQ(store_->request_payment().due, 1);
  settle(*store_, "b", settlement(Kind::kPaid, claims[1]));  // in a new generation by now
  EXPECT_EQ(state_of(*store_, 2), InvoiceState::kPaid);
  EXPECT_TRUE(store_->claim(lease("a"), 10).empty());
}

struct Stale {
  const char* who;
  const char* owner;
  std::int64_t attempt;
};

// An invoice that "a" claimed at first, and "b" holds now, in its second attempt.
constexpr Stale kStale[] = {{"a stranger", "stranger", 2},
                            {"the holder before", "a", 1},
                            {"the holder before, with the present attempt", "a", 2},
                            {"the holder, with an attempt before", "b", 1},
                            {"the holder, with an attempt to come", "b", 3},
                            {"nobody", "", 2}};

TEST_P(InvoiceStoreContract, RefusedAndRetryAreTakenFromTheHolderOfTheLeaseAlone) {
  const PayRun run = add_due(*store_, 1);
  store_->claim(lease("a"), 1);
  const std::int64_t later_ms = kNow + kLeaseMs;
  Claim claim = store_->claim(lease("b", later_ms), 1).at(0);
  ASSERT_EQ(claim.attempt, 2);
  for (const Stale& stale : kStale) {
    claim.attempt = stale.attempt;
    for (const Kind kind : {Kind::kRefused, Kind::kRetry}) {
      settle(*store_, stale.owner, settlement(kind, claim));
      EXPECT_EQ(state_of(*store_, 1), InvoiceState::kSending) << stale.who;
      EXPECT_TRUE(store_->claim(lease("c", later_ms), 1).empty()) << stale.who;
    }
  }
  expect_progress(*store_, run, 1, 0);
  claim.attempt = 2;
  settle(*store_, "b", settlement(Kind::kRefused, claim));
  expect_progress(*store_, run, 0, 1);
}

TEST_P(InvoiceStoreContract, ALeaseThatRanOutIsStillTheHoldersUntilSomebodyTakesIt) {
  const PayRun run = add_due(*store_, 1);
  const Claim claim = store_->claim(lease("a"), 1).at(0);
  EXPECT_EQ(store_->request_payment().due, 1);  // the clock is hours ahead by now, say
  settle(*store_, "a", settlement(Kind::kRefused, claim));
  expect_progress(*store_, run, 0, 1);
}

TEST_P(InvoiceStoreContract, ARetryIsPutOffAndThenAnybodys) {
  add_due(*store_, 1);
  settle(*store_, "a", settlement(Kind::kRetry, store_->claim(lease("a"), 1).at(0), kNow + 100));
  EXPECT_EQ(state_of(*store_, 1), InvoiceState::kSending);
  EXPECT_TRUE(store_->claim(lease("b", kNow + 99), 1).empty());
  const auto claims = store_->claim(lease("b", kNow + 100), 1);
  ASSERT_EQ(claims.size(), 1U);
  EXPECT_EQ(claims[0].attempt, 2);
  EXPECT_EQ(claims[0].generation, 1);
}

TEST_P(InvoiceStoreContract, ARequestMakesRetriesDueAtOnceButTakesNoLeaseAway) {
  add_due(*store_, 2);
  const auto claims = store_->claim(lease("a"), 2);
  settle(*store_, "a", settlement(Kind::kRetry, claims[1], kNow + 5000));
  EXPECT_EQ(store_->request_payment().due, 2);
  EXPECT_EQ(ids(store_->claim(lease("b"), 10)), Ids{"I2"});
}

TEST_P(InvoiceStoreContract, WhatIsRefusedIsLeftAloneUntilPaymentIsRequestedAgain) {
  const PayRun run = add_due(*store_, 2);
  const auto claims = store_->claim(lease("a"), 2);
  settle(*store_, "a", settlement(Kind::kRefused, claims[0]));
  settle(*store_, "a", settlement(Kind::kPaid, claims[1]));
  EXPECT_EQ(state_of(*store_, 1), InvoiceState::kRefused);
  EXPECT_TRUE(store_->claim(lease("a", kNow + 10 * kLeaseMs), 10).empty());
  expect_progress(*store_, run, 0, 1);

  const PayRun next = store_->request_payment();
  EXPECT_EQ(next.due, 1);
  EXPECT_EQ(state_of(*store_, 1), InvoiceState::kUnpaid);
  expect_progress(*store_, next, 1, 0);
  const auto again = store_->claim(lease("b"), 10);
  ASSERT_EQ(ids(again), Ids{"I1"});
  EXPECT_EQ(again[0].idempotency_key(), "pay:I1:2");
  EXPECT_EQ(again[0].attempt, 2);

  settle(*store_, "a", settlement(Kind::kRefused, claims[0]));  // of the generation before
  EXPECT_EQ(state_of(*store_, 1), InvoiceState::kSending);
  settle(*store_, "b", settlement(Kind::kRefused, again[0]));
  store_->request_payment();
  EXPECT_EQ(store_->claim(lease("c"), 1).at(0).idempotency_key(), "pay:I1:3");
}

TEST_P(InvoiceStoreContract, SettlementsOfAllKindsGoTogether) {
  const PayRun run = add_due(*store_, 4);
  const auto claims = store_->claim(lease("a"), 4);
  const std::vector<Settlement> settlements = {
      settlement(Kind::kPaid, claims[0]), settlement(Kind::kRefused, claims[1]),
      settlement(Kind::kRetry, claims[2], kNow + 1), settlement(Kind::kPaid, claims[3])};
  store_->settle("a", settlements);
  store_->settle("a", {});
  expect_progress(*store_, run, 1, 1);
  EXPECT_EQ(state_of(*store_, 4), InvoiceState::kPaid);
}

TEST_P(InvoiceStoreContract, ProgressFollowsAnInvoiceThroughItsLife) {
  const PayRun run = add_due(*store_, 1);
  add(*store_, invoices(2, 3));  // not of this run
  expect_progress(*store_, run, 1, 0);
  Claim claim = store_->claim(lease("a"), 1).at(0);
  expect_progress(*store_, run, 1, 0);
  settle(*store_, "a", settlement(Kind::kRetry, claim, kNow + 1));
  expect_progress(*store_, run, 1, 0);
  claim = store_->claim(lease("a", kNow + 1), 1).at(0);  // and the lease runs out
  expect_progress(*store_, run, 1, 0);
  claim = store_->claim(lease("b", kNow + 1 + kLeaseMs), 1).at(0);
  settle(*store_, "b", settlement(Kind::kRefused, claim));
  expect_progress(*store_, run, 0, 1);
  const PayRun everything = store_->request_payment();
  expect_progress(*store_, everything, 3, 0);
  settle(*store_, "b", settlement(Kind::kPaid, claim));
  expect_progress(*store_, run, 0, 0);
  expect_progress(*store_, everything, 2, 0);
}

// ---- Several stores on one storage ----

TEST_P(InvoiceStoreContract, AllStoresOnAStorageTellTheSame) {
  const auto other = open_();
  const PayRun run = add_due(*store_, 2);
  EXPECT_EQ(all_ids(*other), (Ids{"I1", "I2"}));
  const auto claims = other->claim(lease("other"), 1);
  ASSERT_EQ(ids(claims), Ids{"I1"});
  EXPECT_EQ(ids(store_->claim(lease("a"), 10)), Ids{"I2"});
  settle(*other, "other", settlement(Kind::kPaid, claims[0]));
  EXPECT_EQ(state_of(*store_, 1), InvoiceState::kPaid);
  expect_progress(*store_, run, 1, 0);
  expect_progress(*open_(), run, 1, 0);
}

// Runs `work` in threads at one time, each with a store of its own.
template <typename Work>
void at_once(const OpenInvoiceStore& open, Work work) {
  constexpr int kThreads = 4;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] { work(*open(), i); });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(InvoiceStoreContract, ClaimsNeverOverlapWhileLeasesAreValid) {
  constexpr int kInvoices = 300;
  add_due(*store_, kInvoices);
  std::atomic<std::int64_t> clock = kNow;  // goes on whenever somebody looks, by less than a lease
  std::mutex mutex;
  std::map<std::string, int> times_claimed;  // guarded by mutex
  at_once(open_, [&](InvoiceStore& store, int thread) {
    while (true) {
      const auto claims = store.claim(lease(std::to_string(thread), ++clock), 7);
      if (claims.empty()) return;
      const std::lock_guard lock(mutex);
      for (const Claim& claim : claims) ++times_claimed[claim.id];
    }
  });
  ASSERT_LT(clock, kNow + kLeaseMs);
  EXPECT_EQ(times_claimed.size(), std::size_t{kInvoices});
  for (const auto& [id, times] : times_claimed) EXPECT_EQ(times, 1) << id;
}

TEST_P(InvoiceStoreContract, TheSameInvoicesAddedAtOnceAreThereOnce) {
  constexpr int kInvoices = 60;
  std::atomic<std::size_t> added = 0;
  at_once(open_, [&](InvoiceStore& store, int) {
    for (int i = 1; i <= kInvoices; i += 3) added += add(store, invoices(i, i + 2)).added;
  });
  EXPECT_EQ(added, std::size_t{kInvoices});
  Ids listed = all_ids(*store_);
  EXPECT_EQ(listed.size(), std::size_t{kInvoices});
  EXPECT_EQ(std::set(listed.begin(), listed.end()).size(), std::size_t{kInvoices});
}

TEST_P(InvoiceStoreContract, PaidFromOneAndRefusedFromAnotherAtOnceIsPaid) {
  const PayRun run = add_due(*store_, 40);
  const auto claims = store_->claim(lease("0"), 40);
  at_once(open_, [&](InvoiceStore& store, int thread) {
    const Kind kind = thread == 0 ? Kind::kRefused : Kind::kPaid;
    for (const Claim& claim : claims) {
      settle(store, std::to_string(thread), settlement(kind, claim));
    }
  });
  expect_progress(*store_, run, 0, 0);
}

}  // namespace
}  // namespace invoice_app
