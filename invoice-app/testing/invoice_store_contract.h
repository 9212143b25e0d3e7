// Tests of what invoice_store.h promises, for all stores and the fake. To test another store:
//
//   INSTANTIATE_TEST_SUITE_P(Sqlite, InvoiceStoreContract, testing::Values(new_sqlite_storage));

#ifndef INVOICE_APP_TESTING_INVOICE_STORE_CONTRACT_H_
#define INVOICE_APP_TESTING_INVOICE_STORE_CONTRACT_H_

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "invoice-app/invoice_store.h"
#include "invoice-app/testing/single_writes.h"
#include "tests/support/fake_clock.h"

namespace invoice_app {

// Opens another store on the same storage, as another process does.
using OpenInvoiceStore = std::function<std::shared_ptr<InvoiceStore>()>;
// Makes an empty storage. It lives as long as the returned function and the stores on it; the clock
// outlives them.
using NewInvoiceStorage = OpenInvoiceStore (*)(const common::Clock& clock);

class InvoiceStoreContract : public testing::TestWithParam<NewInvoiceStorage> {
 protected:
  tests::FakeClock clock_;  // of the stores
  const OpenInvoiceStore open_ = GetParam()(clock_);
  const std::shared_ptr<InvoiceStore> store_ = open_();
};

using Kind = Settlement::Kind;
using Ids = std::vector<std::string>;

// Of the leases.
inline constexpr common::WallTime kNow(std::chrono::seconds(1'700'000'000));
inline constexpr std::chrono::milliseconds kLease = std::chrono::seconds(10);

inline common::Money money(std::int64_t minor_units, const char* currency = "EUR") {
  return {minor_units, common::Currency::find_any(currency).value()};
}

// I1, I2, ... of 1.01 EUR, 1.02 EUR, ...
inline std::vector<NewInvoice> invoices(int first, int last) {
  std::vector<NewInvoice> group;
  for (int i = first; i <= last; ++i) group.push_back({"I" + std::to_string(i), money(100 + i)});
  return group;
}

inline AddOutcome add(InvoiceStore& store, const std::vector<NewInvoice>& group) {
  return store.add({&group, 1}).at(0);
}

// Adds I1 .. I<count>, which are then due.
inline PayRun add_due(InvoiceStore& store, int count) {
  add(store, invoices(1, count));
  return request_payment(store);
}

inline Lease lease(const std::string& owner, common::WallTime now = kNow) {
  return {owner, now, now + kLease};
}

inline Settlement settlement(Kind kind, const Claim& claim, common::WallTime retry_at = kNow) {
  return {.kind = kind,
          .sequence = claim.sequence,
          .attempt = claim.attempt,
          .refusal = "no",
          .retry_at = retry_at};
}

inline void settle(InvoiceStore& store, const std::string& owner, const Settlement& settlement) {
  settle(store, owner, {&settlement, 1});
}

template <typename Invoices>
Ids ids(const Invoices& invoices) {
  Ids ids;
  for (const auto& invoice : invoices) ids.push_back(invoice.id);
  return ids;
}

// What a program that knows only version 1 of the schema does, in both kinds of database. For the
// row with this id, or for all that it has leased.
inline std::string older_add(const std::string& id, int sequence) {
  return "INSERT INTO invoices (sequence, id, amount_minor, currency) VALUES (" +
         std::to_string(sequence) + ", '" + id + "', 100, 'EUR')";
}
inline constexpr const char* kOlderRelease =
    "UPDATE invoices SET claimable_at_ms = 0, lease_owner = NULL "
    "WHERE state = 1 AND claimable_at_ms > 0 AND lease_owner IS NOT NULL";
inline constexpr const char* kOlderRequest =
    "UPDATE invoices SET state = 0, generation = generation + 1, refusal = NULL WHERE state = 3";
inline constexpr const char* kOlderClaim = "UPDATE invoices SET state = 1, attempt = attempt + 1";
inline constexpr const char* kOlderRefusal =
    "UPDATE invoices SET state = 3, claimable_at_ms = 0, lease_owner = NULL, refusal = 'no'";
inline constexpr const char* kOlderPayment =
    "UPDATE invoices SET state = 2, claimable_at_ms = 0, lease_owner = NULL, refusal = NULL";

using RunSql = std::function<void(const std::string& sql)>;

// Such a program releases an invoice that was requested by its id.
inline void expect_claim_after_older_release(InvoiceStore& store, const RunSql& run_sql) {
  add(store, invoices(1, 3));
  const Ids requested = {"I2"};
  request_payment_of(store, requested);
  EXPECT_EQ(ids(claim_due(store, lease("older"), 10)), requested);
  run_sql(kOlderRelease);
  EXPECT_TRUE(store.is_claimable(lease("a")));
  EXPECT_EQ(ids(claim_due(store, lease("a"), 10)), requested);
}

// Such programs store no times, and leave those of a settlement before theirs.
inline void expect_no_times_of_older_programs(InvoiceStore& store, const RunSql& run_sql) {
  run_sql(older_add("older", 1));
  InvoiceDetails details = store.find("older").value();
  EXPECT_EQ(details.created_at, std::nullopt);
  request_payment_of(store, {"older"});
  EXPECT_NE(store.due_since(), std::nullopt);
  const Claim claim = claim_due(store, lease("a"), 1).at(0);
  settle(store, "a", settlement(Kind::kRefused, claim));
  EXPECT_NE(store.find("older").value().refused_at, std::nullopt);
  for (const char* sql : {kOlderRequest, kOlderClaim, kOlderRefusal}) run_sql(sql);
  details = store.find("older").value();
  EXPECT_EQ(details.state, InvoiceState::kRefused);
  EXPECT_EQ(details.attempts, 2);
  EXPECT_EQ(details.refused_at, std::nullopt);
  run_sql(kOlderPayment);
  EXPECT_EQ(store.find("older").value().paid_at, std::nullopt);
}

}  // namespace invoice_app

#endif  // INVOICE_APP_TESTING_INVOICE_STORE_CONTRACT_H_
