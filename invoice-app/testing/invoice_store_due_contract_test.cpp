// Of InvoiceStoreContract: since when the oldest due invoice has been due.

#include <chrono>
#include <optional>

#include "invoice-app/testing/invoice_store_contract.h"

namespace invoice_app {
namespace {

using namespace std::chrono_literals;

TEST_P(InvoiceStoreContract, NoneIsDueBeforeTheRequestAndAfterTheSettlement) {
  EXPECT_EQ(store_->due_since(), std::nullopt);
  request_payment(*store_);
  add(*store_, invoices(1, 2));
  EXPECT_EQ(store_->due_since(), std::nullopt);
  request_payment(*store_);
  const auto claims = claim_due(*store_, lease("a"), 2);
  EXPECT_NE(store_->due_since(), std::nullopt);
  settle(*store_, "a", settlement(Kind::kPaid, claims.at(0)));
  EXPECT_NE(store_->due_since(), std::nullopt);
  settle(*store_, "a", settlement(Kind::kRefused, claims.at(1)));
  EXPECT_EQ(store_->due_since(), std::nullopt);
}

TEST_P(InvoiceStoreContract, AnInvoiceIsDueSinceItsRequest) {
  add(*store_, invoices(1, 2));
  clock_.advance(1h);
  const common::WallTime requested = clock_.now();
  request_payment(*store_);
  clock_.advance(1h);
  EXPECT_EQ(store_->due_since(), requested);
  request_payment(*store_);  // again
  request_payment_of(*store_, {"I2"});
  EXPECT_EQ(store_->due_since(), requested);
  const Claim claim = claim_due(*store_, lease("a"), 1).at(0);
  EXPECT_EQ(store_->due_since(), requested);
  settle(*store_, "a", settlement(Kind::kRetry, claim));
  EXPECT_EQ(store_->due_since(), requested);
}

TEST_P(InvoiceStoreContract, AnInvoiceIsNotDueBeforeItWasCreated) {
  add_due(*store_, 1);
  clock_.advance(1h);
  const common::WallTime created = clock_.now();
  add(*store_, invoices(2, 2));
  request_payment(*store_);
  EXPECT_LT(store_->due_since(), created);
  settle(*store_, "a", settlement(Kind::kPaid, claim_due(*store_, lease("a"), 1).at(0)));
  EXPECT_EQ(store_->due_since(), created);
}

TEST_P(InvoiceStoreContract, ARequestByIdMakesOnlyThatInvoiceDue) {
  add(*store_, invoices(1, 2));
  clock_.advance(1h);
  request_payment_of(*store_, {"nobody"});
  EXPECT_EQ(store_->due_since(), std::nullopt);
  clock_.advance(1h);
  const common::WallTime requested = clock_.now();
  request_payment_of(*store_, {"I2"});
  clock_.advance(1h);
  EXPECT_EQ(store_->due_since(), requested);
  const Claim claim = claim_due(*store_, lease("a"), 2).at(0);
  EXPECT_EQ(store_->due_since(), requested);
  store_->release("a");
  EXPECT_EQ(store_->due_since(), requested);
  settle(*store_, "a", settlement(Kind::kPaid, claim));
  EXPECT_EQ(store_->due_since(), std::nullopt);
}

TEST_P(InvoiceStoreContract, ARefusedInvoiceIsDueSinceTheNextRequest) {
  add_due(*store_, 1);
  settle(*store_, "a", settlement(Kind::kRefused, claim_due(*store_, lease("a"), 1).at(0)));
  clock_.advance(1h);
  const common::WallTime requested = clock_.now();
  request_payment(*store_);
  clock_.advance(1h);
  EXPECT_EQ(store_->due_since(), requested);
}

}  // namespace
}  // namespace invoice_app
