#include "invoice-app/testing/invoice_store_contract.h"

#include <atomic>
#include <chrono>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/eventually.h"

namespace invoice_app {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Groups = std::vector<std::vector<NewInvoice>>;

Ids all_ids(InvoiceStore& store) { return ids(store.list(0, 1000)); }

InvoiceState state_of(InvoiceStore& store, std::size_t number) {
  return store.list(0, 1000).at(number - 1).state;
}

// Checks progress() and is_pending().
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
  const PayRun run = request_payment(*store_);
  EXPECT_EQ(run.due, 0);
  EXPECT_TRUE(claim_due(*store_, lease("a"), 10).empty());
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

TEST_P(InvoiceStoreContract, AnInvoiceInAWithdrawnCurrencyIsListedAndClaimed) {
  add(*store_, {{"lev", money(1215, "BGN")}, {"rouble", money(7, "BYR")}});
  EXPECT_EQ(add(*store_, {{"lev", money(1215, "EUR")}}).conflict, "lev");
  request_payment(*store_);
  const std::vector<Invoice> listed = store_->list(0, 10);
  const std::vector<Claim> claims = claim_due(*store_, lease("a"), 10);
  ASSERT_EQ(ids(listed), (Ids{"lev", "rouble"}));
  ASSERT_EQ(ids(claims), (Ids{"lev", "rouble"}));
  EXPECT_EQ(listed[0].amount, money(1215, "BGN"));
  EXPECT_EQ(claims[1].amount, money(7, "BYR"));
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
  settle(*store_, "a", settlement(Kind::kPaid, claim_due(*store_, lease("a"), 1).at(0)));
  const AddOutcome again = add(*store_, invoices(1, 2));
  EXPECT_EQ(again.added, 1U);
  EXPECT_EQ(again.conflict, std::nullopt);
  ASSERT_EQ(ids(again.invoices), (Ids{"I1", "I2"}));
  EXPECT_EQ(again.invoices[0].state, InvoiceState::kPaid);
  EXPECT_EQ(again.invoices[1].state, InvoiceState::kUnpaid);
  EXPECT_EQ(add(*store_, invoices(1, 2)).added, 0U);
  EXPECT_EQ(all_ids(*store_), (Ids{"I1", "I2"}));
}

TEST_P(InvoiceStoreContract, ADuplicateInAGroupCountsOnce) {
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
  const std::vector<std::optional<std::string>> conflicts = {std::nullopt, "old", "old", "E",
                                                             std::nullopt};
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
  EXPECT_TRUE(claim_due(*store_, lease("a"), 10).empty());
}

TEST_P(InvoiceStoreContract, ARequestCoversTheInvoicesStoredThenAndNoLaterOnes) {
  const PayRun run = add_due(*store_, 2);
  EXPECT_EQ(run.due, 2);
  add(*store_, invoices(3, 4));
  expect_progress(*store_, run, 2, 0);
  EXPECT_EQ(ids(claim_due(*store_, lease("a"), 10)), (Ids{"I1", "I2"}));
  const PayRun next = request_payment(*store_);
  EXPECT_EQ(next.due, 4);
  EXPECT_GT(next.through, run.through);
  EXPECT_EQ(ids(claim_due(*store_, lease("a"), 10)), (Ids{"I3", "I4"}));
}

TEST_P(InvoiceStoreContract, AClaimHasAllThatAPaymentNeedsOldestFirst) {
  add_due(*store_, 5);
  const std::vector<Claim> claims = claim_due(*store_, lease("a"), 3);
  ASSERT_EQ(ids(claims), (Ids{"I1", "I2", "I3"}));
  const Invoice second = store_->list(0, 10).at(1);
  EXPECT_EQ(claims[1].sequence, second.sequence);
  EXPECT_EQ(claims[1].amount, second.amount);
  EXPECT_EQ(claims[1].generation, 1);
  EXPECT_EQ(claims[1].attempt, 1);
  EXPECT_EQ(claims[1].idempotency_key(), "pay:I2:1");
  EXPECT_EQ(state_of(*store_, 3), InvoiceState::kSending);
  EXPECT_EQ(state_of(*store_, 4), InvoiceState::kUnpaid);
  EXPECT_EQ(ids(claim_due(*store_, lease("b"), 3)), (Ids{"I4", "I5"}));
}

TEST_P(InvoiceStoreContract, ALeaseKeepsOthersOutUntilItExpires) {
  add_due(*store_, 1);
  ASSERT_EQ(claim_due(*store_, lease("a"), 1).size(), 1U);
  EXPECT_TRUE(claim_due(*store_, lease("a"), 1).empty());
  EXPECT_TRUE(claim_due(*store_, lease("b", kNow + kLease - 1ms), 1).empty());
  const auto claims = claim_due(*store_, lease("b", kNow + kLease), 1);
  ASSERT_EQ(claims.size(), 1U);
  EXPECT_EQ(claims[0].attempt, 2);
  EXPECT_EQ(claims[0].idempotency_key(), "pay:I1:1");
  EXPECT_TRUE(claim_due(*store_, lease("a", kNow + kLease), 1).empty());
}

TEST_P(InvoiceStoreContract, NewInvoicesAreClaimedBeforeRetries) {
  add_due(*store_, 4);
  const auto claims = claim_due(*store_, lease("a"), 2);
  settle(*store_, "a", settlement(Kind::kRetry, claims[0], kNow + 1ms));
  EXPECT_EQ(ids(claim_due(*store_, lease("b", kNow + kLease), 10)), (Ids{"I3", "I4", "I1", "I2"}));
}

// One process may read the clock before another and claim after it. The other's lease stays valid.
TEST_P(InvoiceStoreContract, AClockThatIsALittleBehindEndsNoLease) {
  add_due(*store_, 1);
  ASSERT_EQ(claim_due(*store_, lease("a"), 1).size(), 1U);
  for (const milliseconds behind : {milliseconds(1), kLease / 2, kLease}) {
    EXPECT_TRUE(claim_due(*store_, lease("b", kNow - behind), 1).empty()) << behind.count();
  }
}

TEST_P(InvoiceStoreContract, NothingWaitsWhenTheClockWasSetBack) {
  add_due(*store_, 2);
  const auto claims = claim_due(*store_, lease("a"), 2);
  settle(*store_, "a", settlement(Kind::kRetry, claims[1], kNow + kLease));
  const auto again = claim_due(*store_, lease("b", kNow - 1h), 10);
  EXPECT_EQ((std::set<std::string>{again.at(0).id, again.at(1).id}),
            (std::set<std::string>{"I1", "I2"}));
  // The new leases are valid by the new time.
  EXPECT_TRUE(claim_due(*store_, lease("a", kNow - 1h + kLease - 1ms), 10).empty());
  EXPECT_EQ(claim_due(*store_, lease("a", kNow - 1h + kLease), 10).size(), 2U);
}

TEST_P(InvoiceStoreContract, AClockThatJumpsInBothDirectionsLosesNothing) {
  add_due(*store_, 1);
  std::int64_t attempt = 0;
  for (const auto offset : {0h, 24h, 0h, -24h}) {
    const auto claims = claim_due(*store_, lease("a", kNow + offset), 1);
    ASSERT_EQ(claims.size(), 1U) << offset.count();
    EXPECT_EQ(claims[0].attempt, ++attempt);
    EXPECT_EQ(claims[0].generation, 1);
  }
}

TEST_P(InvoiceStoreContract, ReleaseEndsTheLeasesOfTheOwnerAndNoOthers) {
  add_due(*store_, 5);
  const auto claims = claim_due(*store_, lease("a"), 4);
  settle(*store_, "a", settlement(Kind::kPaid, claims[0]));
  settle(*store_, "a", settlement(Kind::kRefused, claims[1]));
  settle(*store_, "a", settlement(Kind::kRetry, claims[2], kNow + 1000ms));
  ASSERT_EQ(ids(claim_due(*store_, lease("b"), 1)), Ids{"I5"});
  store_->release("a");
  store_->release("nobody");
  const auto again = claim_due(*store_, lease("c"), 10);
  ASSERT_EQ(ids(again), Ids{"I4"});
  EXPECT_EQ(again[0].attempt, 2);
  // It does not own any more what it has released.
  settle(*store_, "a", settlement(Kind::kRefused, claims[3]));
  EXPECT_EQ(state_of(*store_, 4), InvoiceState::kSending);
}

TEST_P(InvoiceStoreContract, AReleasedInvoiceIsDueWithoutAnotherRequest) {
  const PayRun run = add_due(*store_, 1);
  claim_due(*store_, lease("a"), 1);
  store_->release("a");
  expect_progress(*store_, run, 1, 0);
  EXPECT_EQ(claim_due(*store_, lease("b"), 1).size(), 1U);
}

// ---- Several changes in one transaction ----

TEST_P(InvoiceStoreContract, OneTransactionSettlesRequestsAndClaims) {
  add_due(*store_, 3);
  const auto claims = claim_due(*store_, lease("a"), 3);
  add(*store_, invoices(4, 5));
  const std::vector<Settlement> settlements = {settlement(Kind::kPaid, claims[0]),
                                               settlement(Kind::kRefused, claims[1])};
  PayRun run{};
  std::vector<Claim> next;
  store_->write("settle", [&](InvoiceTransaction& changes) {
    changes.settle("a", settlements);
    run = changes.request_payment();
    next = changes.claim(lease("a"), 10);
  });
  EXPECT_EQ(run.due, 4) << "the refused one is due again, and I3 is not paid";
  EXPECT_EQ(ids(next), (Ids{"I2", "I4", "I5"}));
  EXPECT_EQ(next.at(0).idempotency_key(), "pay:I2:2");
  EXPECT_EQ(state_of(*store_, 1), InvoiceState::kPaid);
}

TEST_P(InvoiceStoreContract, ATransactionThatFailsWritesNothing) {
  add_due(*store_, 2);
  const auto claims = claim_due(*store_, lease("a"), 1);
  const Settlement paid = settlement(Kind::kPaid, claims[0]);
  EXPECT_THROW(store_->write("settle",
                             [&](InvoiceTransaction& changes) {
                               changes.settle("a", {&paid, 1});
                               changes.claim(lease("a"), 10);
                               throw std::runtime_error("no");
                             }),
               std::runtime_error);
  EXPECT_EQ(state_of(*store_, 1), InvoiceState::kSending);
  // Behind a pooler, the failed transaction may keep its locks for a moment, and claims skip them.
  std::vector<Claim> next;
  EXPECT_TRUE(tests::eventually([&] {
    next = claim_due(*store_, lease("b"), 10);
    return !next.empty();
  }));
  EXPECT_EQ(ids(next), Ids{"I2"});
}

TEST_P(InvoiceStoreContract, IsClaimableTellsWhatAClaimWouldFind) {
  add(*store_, invoices(1, 1));
  EXPECT_FALSE(store_->is_claimable(lease("a")));
  request_payment(*store_);
  EXPECT_TRUE(store_->is_claimable(lease("a")));
  claim_due(*store_, lease("a"), 1);
  EXPECT_FALSE(store_->is_claimable(lease("b", kNow + kLease - 1ms)));
  EXPECT_TRUE(store_->is_claimable(lease("b", kNow + kLease)));
  EXPECT_TRUE(store_->is_claimable(lease("b", kNow - 1h))) << "the clock was set back";
}

// ---- Settlements ----

TEST_P(InvoiceStoreContract, PaidIsAcceptedFromEveryWorker) {
  add_due(*store_, 4);
  const auto claims = claim_due(*store_, lease("a"), 3);
  claim_due(*store_, lease("b", kNow + kLease), 1);  // I4, so that all are kSending
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
  const Claim claim = claim_due(*store_, lease("a"), 1).at(0);
  settle(*store_, "b", settlement(Kind::kPaid, claim));
  for (const Kind kind : {Kind::kRefused, Kind::kRetry, Kind::kPaid}) {
    settle(*store_, "a", settlement(kind, claim));
    EXPECT_EQ(state_of(*store_, 1), InvoiceState::kPaid);
  }
  store_->release("a");
  EXPECT_EQ(request_payment(*store_).due, 0);
  EXPECT_EQ(state_of(*store_, 1), InvoiceState::kPaid);
  EXPECT_TRUE(claim_due(*store_, lease("a", kNow + 10 * kLease), 1).empty());
  expect_progress(*store_, run, 0, 0);
}

TEST_P(InvoiceStoreContract, PaidIsAcceptedAfterARefusalToo) {
  add_due(*store_, 2);
  const auto claims = claim_due(*store_, lease("a"), 2);
  for (const Claim& claim : claims) settle(*store_, "a", settlement(Kind::kRefused, claim));
  settle(*store_, "b", settlement(Kind::kPaid, claims[0]));
  EXPECT_EQ(state_of(*store_, 1), InvoiceState::kPaid);
  EXPECT_EQ(request_payment(*store_).due, 1);
  settle(*store_, "b", settlement(Kind::kPaid, claims[1]));  // its generation has ended
  EXPECT_EQ(state_of(*store_, 2), InvoiceState::kPaid);
  EXPECT_TRUE(claim_due(*store_, lease("a"), 10).empty());
}

struct Stale {
  const char* who;
  const char* owner;
  std::int64_t attempt;
};

// For an invoice that "a" claimed first and "b" holds now, in the second attempt.
constexpr Stale kStale[] = {{"a stranger", "stranger", 2},
                            {"the previous holder", "a", 1},
                            {"the previous holder, with the current attempt", "a", 2},
                            {"the holder, with the previous attempt", "b", 1},
                            {"the holder, with the next attempt", "b", 3},
                            {"nobody", "", 2}};

TEST_P(InvoiceStoreContract, RefusedAndRetryAreAcceptedOnlyFromTheHolderOfTheLease) {
  const PayRun run = add_due(*store_, 1);
  claim_due(*store_, lease("a"), 1);
  const common::WallTime later = kNow + kLease;
  Claim claim = claim_due(*store_, lease("b", later), 1).at(0);
  ASSERT_EQ(claim.attempt, 2);
  for (const Stale& stale : kStale) {
    claim.attempt = stale.attempt;
    for (const Kind kind : {Kind::kRefused, Kind::kRetry}) {
      settle(*store_, stale.owner, settlement(kind, claim));
      EXPECT_EQ(state_of(*store_, 1), InvoiceState::kSending) << stale.who;
      EXPECT_TRUE(claim_due(*store_, lease("c", later), 1).empty()) << stale.who;
    }
  }
  expect_progress(*store_, run, 1, 0);
  claim.attempt = 2;
  settle(*store_, "b", settlement(Kind::kRefused, claim));
  expect_progress(*store_, run, 0, 1);
}

TEST_P(InvoiceStoreContract, AnExpiredLeaseIsStillTheHoldersUntilTheNextClaim) {
  const PayRun run = add_due(*store_, 1);
  const Claim claim = claim_due(*store_, lease("a"), 1).at(0);
  EXPECT_EQ(request_payment(*store_).due, 1);
  settle(*store_, "a", settlement(Kind::kRefused, claim));
  expect_progress(*store_, run, 0, 1);
}

TEST_P(InvoiceStoreContract, ARetryWaitsAndThenAnyoneMayClaimIt) {
  add_due(*store_, 1);
  settle(*store_, "a",
         settlement(Kind::kRetry, claim_due(*store_, lease("a"), 1).at(0), kNow + 100ms));
  EXPECT_EQ(state_of(*store_, 1), InvoiceState::kSending);
  EXPECT_TRUE(claim_due(*store_, lease("b", kNow + 99ms), 1).empty());
  const auto claims = claim_due(*store_, lease("b", kNow + 100ms), 1);
  ASSERT_EQ(claims.size(), 1U);
  EXPECT_EQ(claims[0].attempt, 2);
  EXPECT_EQ(claims[0].generation, 1);
}

TEST_P(InvoiceStoreContract, ARequestMakesRetriesDueAtOnceButEndsNoLease) {
  add_due(*store_, 2);
  const auto claims = claim_due(*store_, lease("a"), 2);
  settle(*store_, "a", settlement(Kind::kRetry, claims[1], kNow + 5000ms));
  EXPECT_EQ(request_payment(*store_).due, 2);
  EXPECT_EQ(ids(claim_due(*store_, lease("b"), 10)), Ids{"I2"});
}

TEST_P(InvoiceStoreContract, ARefusedInvoiceIsClaimedOnlyAfterANewRequest) {
  const PayRun run = add_due(*store_, 2);
  const auto claims = claim_due(*store_, lease("a"), 2);
  settle(*store_, "a", settlement(Kind::kRefused, claims[0]));
  settle(*store_, "a", settlement(Kind::kPaid, claims[1]));
  EXPECT_EQ(state_of(*store_, 1), InvoiceState::kRefused);
  EXPECT_TRUE(claim_due(*store_, lease("a", kNow + 10 * kLease), 10).empty());
  expect_progress(*store_, run, 0, 1);

  const PayRun next = request_payment(*store_);
  EXPECT_EQ(next.due, 1);
  EXPECT_EQ(state_of(*store_, 1), InvoiceState::kUnpaid);
  expect_progress(*store_, next, 1, 0);
  const auto again = claim_due(*store_, lease("b"), 10);
  ASSERT_EQ(ids(again), Ids{"I1"});
  EXPECT_EQ(again[0].idempotency_key(), "pay:I1:2");
  EXPECT_EQ(again[0].attempt, 2);

  settle(*store_, "a", settlement(Kind::kRefused, claims[0]));  // of the previous generation
  EXPECT_EQ(state_of(*store_, 1), InvoiceState::kSending);
  settle(*store_, "b", settlement(Kind::kRefused, again[0]));
  request_payment(*store_);
  EXPECT_EQ(claim_due(*store_, lease("c"), 1).at(0).idempotency_key(), "pay:I1:3");
}

TEST_P(InvoiceStoreContract, SettlementsOfAllKindsGoTogether) {
  const PayRun run = add_due(*store_, 4);
  const auto claims = claim_due(*store_, lease("a"), 4);
  const std::vector<Settlement> settlements = {
      settlement(Kind::kPaid, claims[0]), settlement(Kind::kRefused, claims[1]),
      settlement(Kind::kRetry, claims[2], kNow + 1ms), settlement(Kind::kPaid, claims[3])};
  settle(*store_, "a", settlements);
  settle(*store_, "a", std::vector<Settlement>());
  expect_progress(*store_, run, 1, 1);
  EXPECT_EQ(state_of(*store_, 4), InvoiceState::kPaid);
}

TEST_P(InvoiceStoreContract, ProgressFollowsAnInvoiceThroughItsLife) {
  const PayRun run = add_due(*store_, 1);
  add(*store_, invoices(2, 3));  // not of this run
  expect_progress(*store_, run, 1, 0);
  Claim claim = claim_due(*store_, lease("a"), 1).at(0);
  expect_progress(*store_, run, 1, 0);
  settle(*store_, "a", settlement(Kind::kRetry, claim, kNow + 1ms));
  expect_progress(*store_, run, 1, 0);
  claim = claim_due(*store_, lease("a", kNow + 1ms), 1).at(0);  // and its lease expires
  expect_progress(*store_, run, 1, 0);
  claim = claim_due(*store_, lease("b", kNow + 1ms + kLease), 1).at(0);
  settle(*store_, "b", settlement(Kind::kRefused, claim));
  expect_progress(*store_, run, 0, 1);
  const PayRun everything = request_payment(*store_);
  expect_progress(*store_, everything, 3, 0);
  settle(*store_, "b", settlement(Kind::kPaid, claim));
  expect_progress(*store_, run, 0, 0);
  expect_progress(*store_, everything, 2, 0);
}

// ---- Several stores on one storage ----

TEST_P(InvoiceStoreContract, AllStoresOnAStorageShowTheSame) {
  const auto other = open_();
  const PayRun run = add_due(*store_, 2);
  EXPECT_EQ(all_ids(*other), (Ids{"I1", "I2"}));
  const auto claims = claim_due(*other, lease("other"), 1);
  ASSERT_EQ(ids(claims), Ids{"I1"});
  EXPECT_EQ(ids(claim_due(*store_, lease("a"), 10)), Ids{"I2"});
  settle(*other, "other", settlement(Kind::kPaid, claims[0]));
  EXPECT_EQ(state_of(*store_, 1), InvoiceState::kPaid);
  expect_progress(*store_, run, 1, 0);
  expect_progress(*open_(), run, 1, 0);
}

constexpr int kThreads = 4;

// Runs `work` in concurrent threads, each with its own store.
template <typename Work>
void concurrently(const OpenInvoiceStore& open, Work work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] { work(*open(), i); });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(InvoiceStoreContract, ClaimsNeverOverlapWhileLeasesAreValid) {
  constexpr int kInvoices = 300;
  add_due(*store_, kInvoices);
  std::atomic<int> looks = 0;  // each is 1 ms later than the one before
  std::vector<Ids> claimed(kThreads);
  concurrently(open_, [&](InvoiceStore& store, int thread) {
    while (true) {
      const auto now = kNow + milliseconds(++looks);
      const auto claims = claim_due(store, lease(std::to_string(thread), now), 7);
      if (claims.empty()) return;
      for (const Claim& claim : claims)
        claimed[static_cast<std::size_t>(thread)].push_back(claim.id);
    }
  });
  ASSERT_LT(milliseconds(looks), kLease);
  std::multiset<std::string> all;
  for (const Ids& ids : claimed) all.insert(ids.begin(), ids.end());
  EXPECT_EQ(all.size(), std::size_t{kInvoices});
  EXPECT_EQ(std::set(all.begin(), all.end()).size(), std::size_t{kInvoices});
}

TEST_P(InvoiceStoreContract, TheSameInvoicesAddedConcurrentlyAreStoredOnce) {
  constexpr int kInvoices = 60;
  std::atomic<std::size_t> added = 0;
  concurrently(open_, [&](InvoiceStore& store, int) {
    for (int i = 1; i <= kInvoices; i += 3) added += add(store, invoices(i, i + 2)).added;
  });
  EXPECT_EQ(added, std::size_t{kInvoices});
  Ids listed = all_ids(*store_);
  EXPECT_EQ(listed.size(), std::size_t{kInvoices});
  EXPECT_EQ(std::set(listed.begin(), listed.end()).size(), std::size_t{kInvoices});
}

TEST_P(InvoiceStoreContract, PaidAndRefusedConcurrentlyIsPaid) {
  const PayRun run = add_due(*store_, 40);
  const auto claims = claim_due(*store_, lease("0"), 40);
  concurrently(open_, [&](InvoiceStore& store, int thread) {
    const Kind kind = thread == 0 ? Kind::kRefused : Kind::kPaid;
    for (const Claim& claim : claims) {
      settle(store, std::to_string(thread), settlement(kind, claim));
    }
  });
  expect_progress(*store_, run, 0, 0);
}

TEST_P(InvoiceStoreContract, TheVersionDiffersAfterEveryChangeByAnyProcess) {
  const auto other = open_();
  auto version = store_->committed_version();
  const auto expect_change = [&](const char* what) {
    // An unknown version is like no other, and stays unknown.
    EXPECT_FALSE(version && store_->version() == version) << what;
    version = store_->committed_version();
    for (InvoiceStore* store : {store_.get(), other.get()}) {
      EXPECT_EQ(store->committed_version(), version) << what;
      EXPECT_EQ(store->version(), version) << what;
    }
  };
  int last = 0;
  for (InvoiceStore* writer : {other.get(), store_.get()}) {
    last += 2;
    add(*writer, invoices(last - 1, last));
    expect_change("add");
    request_payment(*writer);
    const auto claims = claim_due(*writer, lease("me"), 2);
    version = store_->committed_version();
    settle(*writer, "me", settlement(Kind::kPaid, claims.at(0)));
    expect_change("paid");
    settle(*writer, "me", settlement(Kind::kRefused, claims.at(1)));
    expect_change("refused");
  }
}

TEST_P(InvoiceStoreContract, TheVersionStaysWithoutAChange) {
  add(*store_, invoices(1, 2));
  const auto version = store_->committed_version();
  store_->list(0, 10);
  EXPECT_EQ(store_->version(), version);
  EXPECT_EQ(store_->committed_version(), version);
}

}  // namespace
}  // namespace invoice_app
