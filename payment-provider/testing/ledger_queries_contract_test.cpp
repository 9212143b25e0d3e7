// What ledger.h promises of pages, single payments and totals.

#include <chrono>
#include <string>
#include <vector>

#include "payment-provider/testing/ledger_contract.h"

namespace payment_provider {
namespace {

using Keys = std::vector<std::string>;

common::Currency currency(const char* code) { return common::Currency::find_any(code).value(); }

// The key is the invoice's id, unless an invoice has several orders.
void record(Ledger& ledger, const std::string& invoice, std::int64_t value = 100,
            const char* code = "EUR", const std::string& refusal = "",
            const std::string& key = "") {
  const PaymentOrder order{.idempotency_key = key.empty() ? invoice : key,
                           .invoice_id = invoice,
                           .amount = {value, currency(code)},
                           .refusal = refusal};
  ledger.record({&order, 1});
}

Keys keys(const std::vector<LedgerEntry>& entries) {
  Keys keys;
  for (const LedgerEntry& entry : entries) keys.push_back(entry.idempotency_key);
  return keys;
}

Keys page(Ledger& ledger, const LedgerFilter& filter) { return keys(ledger.page(filter, 0, 100)); }

// Each total as text.
std::vector<std::string> totals(Ledger& ledger) {
  std::vector<std::string> lines;
  for (const LedgerTotal& total : ledger.totals()) {
    lines.push_back(total.currency +
                    (total.status == PaymentStatus::kAccepted ? " accepted " : " refused ") +
                    std::to_string(total.count) + ' ' + total.sum.minor_units());
  }
  return lines;
}

TEST_P(LedgerContract, AnEmptyLedgerHasNothing) {
  EXPECT_TRUE(page(*ledger_, {}).empty());
  EXPECT_TRUE(page(*ledger_, {.status = PaymentStatus::kRefused}).empty());
  EXPECT_FALSE(ledger_->find("I1"));
  EXPECT_TRUE(totals(*ledger_).empty());
}

TEST_P(LedgerContract, APageHasTheEntriesThatFulfilTheFilterOldestFirst) {
  record(*ledger_, "a", 1, "EUR");
  record(*ledger_, "b", 1, "GBP", "no");
  record(*ledger_, "c", 1, "GBP");
  record(*ledger_, "d", 1, "EUR", "no");
  record(*ledger_, "e", 1, "EUR");
  EXPECT_EQ(page(*ledger_, {}), (Keys{"a", "c", "e"}));
  EXPECT_EQ(page(*ledger_, {.currency = currency("EUR")}), (Keys{"a", "e"}));
  EXPECT_EQ(page(*ledger_, {.currency = currency("DKK")}), Keys{});
  EXPECT_EQ(page(*ledger_, {.status = PaymentStatus::kRefused}), (Keys{"b", "d"}));
  EXPECT_EQ(page(*ledger_, {.status = PaymentStatus::kRefused, .currency = currency("GBP")}),
            Keys{"b"});
}

TEST_P(LedgerContract, PagesFollowEachOther) {
  for (const char* invoice : {"a", "b", "c", "d", "e"}) record(*ledger_, invoice);
  record(*ledger_, "x", 1, "EUR", "no");
  Keys read;
  std::int64_t after = 0;
  for (auto entries = ledger_->page({}, after, 2); !entries.empty();
       entries = ledger_->page({}, after, 2)) {
    EXPECT_LE(entries.size(), 2U);
    for (const std::string& key : keys(entries)) read.push_back(key);
    after = entries.back().sequence;
  }
  EXPECT_EQ(read, (Keys{"a", "b", "c", "d", "e"}));
}

TEST_P(LedgerContract, FindsTheAcceptedPaymentOfAnInvoiceElseItsLatestRefusal) {
  record(*ledger_, "I1", 100, "EUR", "first", "k1");
  record(*ledger_, "I2", 7, "GBP");
  clock_.advance(std::chrono::seconds(1));
  record(*ledger_, "I1", 200, "EUR", "second", "k2");

  const auto refused = ledger_->find("I1");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status(), PaymentStatus::kRefused);
  EXPECT_EQ(refused->refusal, "second");
  EXPECT_EQ(refused->idempotency_key, "k2");
  EXPECT_EQ(refused->amount, (common::Money{200, currency("EUR")}));
  EXPECT_EQ(refused->decided_at, clock_.now());

  record(*ledger_, "I1", 300, "EUR", "", "k3");
  record(*ledger_, "I1", 300, "EUR", "too late", "k4");
  const auto accepted = ledger_->find("I1");
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted->status(), PaymentStatus::kAccepted);
  EXPECT_EQ(accepted->idempotency_key, "k3");
  EXPECT_EQ(accepted->refusal, "");
  EXPECT_FALSE(ledger_->find("i1"));
  EXPECT_FALSE(ledger_->find(""));
}

TEST_P(LedgerContract, TotalsAreByCurrencyAndStatus) {
  record(*ledger_, "a", 1215, "EUR");
  record(*ledger_, "b", 100, "JPY", "no");
  record(*ledger_, "c", 85, "EUR");
  record(*ledger_, "d", 5, "EUR", "no");
  record(*ledger_, "e", 7, "BGN");  // withdrawn
  EXPECT_EQ(totals(*ledger_), (std::vector<std::string>{"BGN accepted 1 7", "EUR accepted 2 1300",
                                                        "EUR refused 1 5", "JPY refused 1 100"}));
}

TEST_P(LedgerContract, TotalsAreExactBeyond64Bits) {
  std::vector<PaymentOrder> orders;
  for (int i = 0; i < 9'300; ++i) {
    const std::string id = std::to_string(i);
    orders.push_back({.idempotency_key = id,
                      .invoice_id = id,
                      .amount = {common::kMaxMinorUnits, currency("EUR")},
                      .refusal = {}});
  }
  ledger_->record(orders);
  EXPECT_EQ(totals(*ledger_), std::vector<std::string>{"EUR accepted 9300 9299999999999990700"});
}

}  // namespace
}  // namespace payment_provider
