#include "bench/floor.h"

#include <algorithm>
#include <future>
#include <queue>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "bench/stores.h"
#include "common/base/mutex.h"

namespace bench {
namespace {

using invoice_app::Claim;
using invoice_app::InvoiceTransaction;
using invoice_app::NewInvoice;
using invoice_app::Settlement;
using std::chrono::steady_clock;
using Claims = std::vector<Claim>;

// Hands batches from one thread to the other.
class Batches {
 public:
  void push(Claims claims) {
    common::MutexLock lock(mutex_);
    batches_.push(std::move(claims));
    arrived_.notify_one();
  }
  Claims pop() {
    common::MutexLock lock(mutex_);
    const auto has_arrived = [this]() REQUIRES(mutex_) { return !batches_.empty(); };
    if (!arrived_.wait_until(lock, steady_clock::now() + kPatience, has_arrived)) {
      throw std::runtime_error("the other thread has ended");
    }
    Claims claims = std::move(batches_.front());
    batches_.pop();
    return claims;
  }

 private:
  static constexpr std::chrono::seconds kPatience{30};

  common::Mutex mutex_;
  common::CondVar arrived_;
  std::queue<Claims> batches_ GUARDED_BY(mutex_);
};

// The bookkeeping of invoice-app.
class Books {
 public:
  Books(invoice_app::InvoiceStore& store, const common::Clock& clock, std::size_t commit_size)
      : store_(store), clock_(clock), commit_size_(commit_size) {}

  // Each is one commit, and returns the claimed batch.
  Claims request_and_claim() {
    return claim_after([](InvoiceTransaction& transaction) { transaction.request_payment(); });
  }
  Claims claim() {
    return claim_after([](InvoiceTransaction&) {});
  }
  Claims settle_and_claim(const Claims& paid) {
    return claim_after([&](InvoiceTransaction& transaction) {
      std::vector<Settlement> settlements;
      settlements.reserve(paid.size());
      for (const Claim& claim : paid) {
        settlements.push_back({.kind = Settlement::Kind::kPaid,
                               .sequence = claim.sequence,
                               .attempt = claim.attempt});
      }
      transaction.settle(kOwner, settlements);
    });
  }

 private:
  inline static const std::string kOwner = "bench";

  Claims claim_after(auto work) {
    Claims claims;
    store_.write("bench", [&](InvoiceTransaction& transaction) {
      work(transaction);
      const auto now = clock_.now();
      claims = transaction.claim({kOwner, now, now + std::chrono::minutes(1)}, commit_size_);
    });
    return claims;
  }

  invoice_app::InvoiceStore& store_;
  const common::Clock& clock_;
  const std::size_t commit_size_;
};

void record(payment_provider::Ledger& ledger, const Claims& claims, std::size_t commit_size) {
  std::vector<payment_provider::PaymentOrder> orders;
  orders.reserve(claims.size());
  for (const Claim& claim : claims) {
    orders.push_back({.idempotency_key = claim.idempotency_key(),
                      .invoice_id = claim.id,
                      .amount = claim.amount,
                      .refusal = ""});
  }
  using Kind = payment_provider::PaymentOutcome::Kind;
  for (std::span<const payment_provider::PaymentOrder> left = orders; !left.empty();) {
    const auto commit = left.first(std::min(commit_size, left.size()));
    for (const auto& outcome : ledger.record(commit)) {
      if (outcome.kind != Kind::kAccepted) throw std::runtime_error("a payment was not accepted");
    }
    left = left.subspan(commit.size());
  }
}

}  // namespace

Floor::Floor(tests::PostgresServer* server)
    : invoices_(open_invoices(database_url(server, directory_ / "invoices.db"), clock_)),
      ledger_(open_ledger(database_url(server, directory_ / "payments.db"), clock_)) {}

void Floor::add(int count) {
  std::vector<NewInvoice> group;
  for (const int end = added_ + count; added_ < end; ++added_) {
    group.push_back(
        {"B" + std::to_string(added_), {added_ + 1, common::Currency::find("EUR").value()}});
  }
  invoices_->add({&group, 1});
}

std::chrono::duration<double> Floor::pay_in_turn(const CommitSizes& sizes) {
  const auto start = steady_clock::now();
  Books books(*invoices_, clock_, sizes.invoices);
  Claims claims = books.request_and_claim();
  while (!claims.empty()) {
    record(*ledger_, claims, sizes.ledger);
    claims = books.settle_and_claim(claims);
  }
  return steady_clock::now() - start;
}

std::chrono::duration<double> Floor::pay_in_pipeline(const CommitSizes& sizes) {
  const auto start = steady_clock::now();
  Books books(*invoices_, clock_, sizes.invoices);
  Batches to_record;
  Batches recorded;
  auto recorder = std::async(std::launch::async, [&] {
    for (Claims claims = to_record.pop(); !claims.empty(); claims = to_record.pop()) {
      record(*ledger_, claims, sizes.ledger);
      recorded.push(std::move(claims));
    }
    recorded.push({});
  });
  to_record.push(books.request_and_claim());
  to_record.push(books.claim());
  for (Claims paid = recorded.pop(); !paid.empty(); paid = recorded.pop()) {
    to_record.push(books.settle_and_claim(paid));
  }
  recorder.get();
  return steady_clock::now() - start;
}

}  // namespace bench
