// An InvoiceStore in memory, for tests of what uses one: the contract of invoice_store.h in as few
// lines as it takes. A test can look at the rows, wait until they are as expected, count calls, and
// make calls fail.
//
// Thread-safe, so several PaymentWorkers may share one, as replicas share a database.

#ifndef INVOICE_APP_TESTING_FAKE_INVOICE_STORE_H_
#define INVOICE_APP_TESTING_FAKE_INVOICE_STORE_H_

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "common/base/unavailable.h"
#include "invoice-app/invoice_store.h"

namespace invoice_app {

class FakeInvoiceStore : public InvoiceStore {
 public:
  enum class Call {
    kAdd,
    kList,
    kRequestPayment,
    kProgress,
    kIsPending,
    kClaim,
    kSettle,
    kRelease,
    kCheck,
  };

  struct Row {
    Invoice invoice;
    std::int64_t generation = 1;
    std::int64_t attempt = 0;
    std::int64_t claimable_at_ms = 0;  // the end of the lease, or the time of the next attempt
    std::string owner = {};            // of the lease; empty when there is none
    std::string refusal = {};

    bool has_ended() const {
      return invoice.state == InvoiceState::kPaid || invoice.state == InvoiceState::kRefused;
    }
  };

  // From here on this call throws common::Unavailable and changes nothing.
  void fail(Call call) {
    std::lock_guard lock(mutex_);
    failing_.insert(call);
  }
  // From here on all calls work.
  void repair() {
    std::lock_guard lock(mutex_);
    failing_.clear();
  }

  std::vector<Row> rows() const {
    std::lock_guard lock(mutex_);
    return rows_;
  }
  // Throws std::out_of_range when there is no such sequence.
  Row row(std::int64_t sequence) const { return rows().at(static_cast<std::size_t>(sequence - 1)); }

  // How often it was called, failed calls included.
  int calls(Call call) const {
    std::lock_guard lock(mutex_);
    const auto found = calls_.find(call);
    return found == calls_.end() ? 0 : found->second;
  }

  // All that was settled, in order, dropped settlements included.
  std::vector<Settlement> settlements() const {
    std::lock_guard lock(mutex_);
    return settlements_;
  }

  // Waits until `condition` holds for the rows; false when it doesn't within the deadline.
  template <typename Condition>
  bool eventually(Condition condition) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kDeadline, [&] { return condition(rows_); });
  }
  bool eventually_all(InvoiceState state) const {
    return eventually([state](const std::vector<Row>& rows) {
      return std::all_of(rows.begin(), rows.end(),
                         [state](const Row& row) { return row.invoice.state == state; });
    });
  }
  // Waits until calls(call) is at least `times`.
  bool eventually_called(Call call, int times) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kDeadline, [&] {
      const auto found = calls_.find(call);
      return found != calls_.end() && found->second >= times;
    });
  }

  std::vector<AddOutcome> add(std::span<const std::vector<NewInvoice>> groups) override {
    const auto lock = enter(Call::kAdd);
    std::vector<AddOutcome> outcomes;
    for (const auto& group : groups) outcomes.push_back(add_group(group));
    return outcomes;
  }

  std::vector<Invoice> list(std::int64_t after, std::size_t limit) override {
    const auto lock = enter(Call::kList);
    std::vector<Invoice> invoices;
    for (const Row& row : rows_) {
      if (invoices.size() == limit) break;
      if (row.invoice.sequence > after) invoices.push_back(row.invoice);
    }
    return invoices;
  }

  PayRun request_payment() override {
    const auto lock = enter(Call::kRequestPayment);
    requested_through_ = static_cast<std::int64_t>(rows_.size());
    for (Row& row : rows_) {
      if (row.invoice.state == InvoiceState::kRefused) {
        row.invoice.state = InvoiceState::kUnpaid;
        ++row.generation;
        row.refusal.clear();
      }
      if (row.owner.empty()) row.claimable_at_ms = 0;
    }
    return {.through = requested_through_, .due = count_pending(requested_through_)};
  }

  PayProgress progress(const PayRun& run) override {
    const auto lock = enter(Call::kProgress);
    const auto refused = std::count_if(rows_.begin(), rows_.end(), [&](const Row& row) {
      return row.invoice.sequence <= run.through && row.invoice.state == InvoiceState::kRefused;
    });
    return {.pending = count_pending(run.through), .refused = refused};
  }

  bool is_pending(const PayRun& run) override {
    const auto lock = enter(Call::kIsPending);
    return count_pending(run.through) > 0;
  }

  std::vector<Claim> claim(const Lease& lease, std::size_t limit) override {
    const auto lock = enter(Call::kClaim);
    std::vector<Claim> claims;
    for (Row& row : claimable(lease)) {
      if (claims.size() == limit) break;
      row.invoice.state = InvoiceState::kSending;
      row.owner = lease.owner;
      row.claimable_at_ms = lease.until_ms;
      claims.push_back({.sequence = row.invoice.sequence,
                        .id = row.invoice.id,
                        .amount = row.invoice.amount,
                        .generation = row.generation,
                        .attempt = ++row.attempt});
    }
    return claims;
  }

  void settle(const std::string& owner, std::span<const Settlement> settlements) override {
    const auto lock = enter(Call::kSettle);
    for (const Settlement& settlement : settlements) {
      settlements_.push_back(settlement);
      settle_one(owner, settlement);
    }
  }

  void release(const std::string& owner) override {
    const auto lock = enter(Call::kRelease);
    for (Row& row : rows_) {
      if (row.owner == owner) free(row, 0);
    }
  }

  void check() override { enter(Call::kCheck); }

 private:
  static constexpr std::chrono::seconds kDeadline{20};  // generous: sanitizers are slow

  // Every call begins with it, and holds the lock to its end.
  std::unique_lock<std::mutex> enter(Call call) {
    std::unique_lock lock(mutex_);
    ++calls_[call];
    changed_.notify_all();  // who waits can look when the lock is given up
    if (failing_.contains(call)) throw common::Unavailable("the store is out of order");
    return lock;
  }

  AddOutcome add_group(const std::vector<NewInvoice>& group) {
    const std::size_t size_before = rows_.size();
    AddOutcome outcome;
    for (std::size_t i = 0; i < group.size(); ++i) {
      const auto& [id, amount] = group[i];
      auto row = std::find_if(rows_.begin(), rows_.end(),
                              [&id = id](const Row& other) { return other.invoice.id == id; });
      if (row == rows_.end()) {
        const auto sequence = static_cast<std::int64_t>(rows_.size() + 1);
        row = rows_.insert(row, {.invoice = {sequence, id, amount, InvoiceState::kUnpaid}});
      } else if (row->invoice.amount != amount) {
        rows_.erase(rows_.begin() + static_cast<std::ptrdiff_t>(size_before), rows_.end());
        return {.invoices = {}, .added = 0, .conflict = i};
      }
      outcome.invoices.push_back(row->invoice);
    }
    outcome.added = rows_.size() - size_before;
    return outcome;
  }

  // In the order in which they are claimed.
  std::vector<std::reference_wrapper<Row>> claimable(const Lease& lease) {
    const std::int64_t too_late_ms = lease.until_ms + (lease.until_ms - lease.now_ms);
    std::vector<std::reference_wrapper<Row>> found;
    for (Row& row : rows_) {
      const bool is_over = row.claimable_at_ms <= lease.now_ms || row.claimable_at_ms > too_late_ms;
      if (row.invoice.sequence <= requested_through_ && !row.has_ended() && is_over) {
        found.emplace_back(row);
      }
    }
    std::stable_partition(found.begin(), found.end(),
                          [](const Row& row) { return row.claimable_at_ms == 0; });
    return found;
  }

  std::int64_t count_pending(std::int64_t through) const {
    return std::count_if(rows_.begin(), rows_.end(), [through](const Row& row) {
      return row.invoice.sequence <= through && !row.has_ended();
    });
  }

  void settle_one(const std::string& owner, const Settlement& settlement) {
    Row& row = rows_.at(static_cast<std::size_t>(settlement.sequence - 1));
    const bool is_held = row.owner == owner && row.attempt == settlement.attempt;
    if (settlement.kind == Settlement::Kind::kPaid) {
      row.invoice.state = InvoiceState::kPaid;
      row.refusal.clear();
      free(row, 0);
    } else if (settlement.kind == Settlement::Kind::kRefused && is_held) {
      row.invoice.state = InvoiceState::kRefused;
      row.refusal = settlement.refusal;
      free(row, 0);
    } else if (settlement.kind == Settlement::Kind::kRetry && is_held) {
      free(row, std::max<std::int64_t>(1, settlement.retry_at_ms));
    }
  }

  static void free(Row& row, std::int64_t claimable_at_ms) {
    row.owner.clear();
    row.claimable_at_ms = claimable_at_ms;
  }

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  // Guarded by mutex_:
  std::vector<Row> rows_;  // sequence 1 is at index 0
  std::int64_t requested_through_ = 0;
  std::vector<Settlement> settlements_;
  std::map<Call, int> calls_;
  std::set<Call> failing_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_TESTING_FAKE_INVOICE_STORE_H_
