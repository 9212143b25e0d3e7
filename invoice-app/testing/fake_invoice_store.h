// An InvoiceStore in memory, for tests. A test can read the rows, wait until they are as expected,
// count calls, and make calls fail.
//
// Thread-safe: several PaymentWorkers can share one, as replicas share a database.

#ifndef INVOICE_APP_TESTING_FAKE_INVOICE_STORE_H_
#define INVOICE_APP_TESTING_FAKE_INVOICE_STORE_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/unavailable.h"
#include "invoice-app/invoice_store.h"

namespace invoice_app {

class FakeInvoiceStore : public InvoiceStore {
 public:
  enum class Call {
    kAdd,
    kList,
    kPage,
    kFind,
    kFindAll,
    kTotals,
    kDueSince,
    kRecordAudit,
    kLastAudit,
    kRequestPayment,
    kRequestPaymentOf,
    kProgress,
    kIsPending,
    kPendingOf,
    kIsClaimable,
    kClaim,
    kSettle,
    kRelease,
    kCheck,
  };

  static constexpr common::WallTime kAtOnce{};
  static constexpr common::WallTime kNextToThose{std::chrono::milliseconds(1)};

  struct Row {
    Invoice invoice;
    std::int64_t generation = 1;
    std::int64_t attempt = 0;
    common::WallTime claimable_at = kAtOnce;  // the end of the lease, or the time of the retry
    std::string owner = {};                   // of the lease; empty if there is none
    std::string refusal = {};
    bool is_requested = false;  // payment was, now or earlier
    common::WallTime created_at = {};
    common::WallTime settled_at = {};

    bool has_ended() const {
      return invoice.state == InvoiceState::kPaid || invoice.state == InvoiceState::kRefused;
    }
    InvoiceDetails details() const {
      InvoiceDetails details{invoice, attempt, refusal, created_at};
      if (invoice.is_paid()) details.paid_at = settled_at;
      if (invoice.state == InvoiceState::kRefused) details.refused_at = settled_at;
      return details;
    }
  };

  FakeInvoiceStore() : FakeInvoiceStore(system_clock()) {}
  // `clock` must outlive the store.
  explicit FakeInvoiceStore(const common::Clock& clock) : clock_(clock) {}

  // From now on this call throws common::Unavailable and changes nothing.
  void fail(Call call) {
    common::MutexLock lock(mutex_);
    failing_.insert(call);
  }
  // From now on all calls work.
  void repair() {
    common::MutexLock lock(mutex_);
    failing_.clear();
  }

  // Adds unpaid invoices I1, I2, ... after the stored ones.
  void add_invoices(int count) {
    common::MutexLock lock(mutex_);
    ++version_;
    const common::Money amount{1215, common::Currency::find("EUR").value()};
    for (int i = 0; i < count; ++i) add_group({{"I" + std::to_string(rows_.size() + 1), amount}});
  }

  std::vector<Row> rows() const {
    common::MutexLock lock(mutex_);
    return rows_;
  }
  // Throws std::out_of_range if there is no such sequence.
  Row row(std::int64_t sequence) const { return rows().at(static_cast<std::size_t>(sequence - 1)); }

  // Number of calls, with failed ones.
  int calls(Call call) const {
    common::MutexLock lock(mutex_);
    return count_of(call);
  }

  // The arguments of all calls of settle(), in order, with dropped settlements.
  std::vector<Settlement> settlements() const {
    common::MutexLock lock(mutex_);
    return settlements_;
  }

  // The names of all calls of write(), in order.
  std::vector<std::string> writes() const {
    common::MutexLock lock(mutex_);
    return writes_;
  }

  // Waits until `condition` holds for the rows. Returns false after kTimeout.
  template <typename Condition>
  bool eventually(Condition condition) const {
    common::MutexLock lock(mutex_);
    return changed_.wait_for(lock, kTimeout, [&]() REQUIRES(mutex_) { return condition(rows_); });
  }
  bool eventually_all(InvoiceState state) const {
    return eventually([state](const std::vector<Row>& rows) {
      return std::all_of(rows.begin(), rows.end(),
                         [state](const Row& row) { return row.invoice.state == state; });
    });
  }
  // Waits until calls(call) is at least `times`.
  bool eventually_called(Call call, int times) const {
    common::MutexLock lock(mutex_);
    return changed_.wait_for(lock, kTimeout,
                             [&]() REQUIRES(mutex_) { return count_of(call) >= times; });
  }

  std::vector<AddOutcome> add(std::span<const std::vector<NewInvoice>> groups) override {
    common::MutexLock lock(mutex_);
    enter(Call::kAdd);
    std::vector<AddOutcome> outcomes;
    for (const auto& group : groups) outcomes.push_back(add_group(group));
    return outcomes;
  }

  std::vector<Invoice> list(std::int64_t after, std::size_t limit) override {
    common::MutexLock lock(mutex_);
    enter(Call::kList);
    std::vector<Invoice> invoices;
    for (const Row& row : rows_) {
      if (invoices.size() == limit) break;
      if (row.invoice.sequence > after) invoices.push_back(row.invoice);
    }
    return invoices;
  }

  std::vector<InvoiceDetails> page(const InvoiceFilter& filter, std::int64_t after,
                                   std::size_t limit) override {
    common::MutexLock lock(mutex_);
    enter(Call::kPage);
    std::vector<InvoiceDetails> invoices;
    for (const Row& row : rows_) {
      const Invoice& invoice = row.invoice;
      if (invoices.size() == limit) break;
      if (invoice.sequence > after && invoice.state == filter.state.value_or(invoice.state) &&
          invoice.amount.currency == filter.currency.value_or(invoice.amount.currency) &&
          invoice.id.starts_with(filter.id_prefix)) {
        invoices.push_back(row.details());
      }
    }
    return invoices;
  }

  std::optional<InvoiceDetails> find(const std::string& id) override {
    common::MutexLock lock(mutex_);
    enter(Call::kFind);
    const auto row = find_row(id);
    return row == rows_.end() ? std::nullopt : std::optional(row->details());
  }

  std::vector<Invoice> find_all(std::span<const std::string> ids) override {
    common::MutexLock lock(mutex_);
    enter(Call::kFindAll);
    std::vector<Invoice> found;
    found.reserve(ids.size());
    for (const std::string& id : ids) {
      const auto row = find_row(id);
      if (row != rows_.end()) found.push_back(row->invoice);
    }
    return found;
  }

  std::vector<InvoiceTotal> totals() override {
    common::MutexLock lock(mutex_);
    enter(Call::kTotals);
    std::map<std::pair<std::string_view, InvoiceState>, InvoiceTotal> totals;
    for (const Row& row : rows_) {
      const auto& [minor_units, currency] = row.invoice.amount;
      InvoiceTotal& total = totals[{currency.code(), row.invoice.state}];
      total.currency = currency.code();
      total.state = row.invoice.state;
      ++total.count;
      total.sum.add(minor_units);
    }
    std::vector<InvoiceTotal> values;
    values.reserve(totals.size());
    for (const auto& [key, total] : totals) values.push_back(total);
    return values;
  }

  std::optional<common::WallTime> due_since() override {
    common::MutexLock lock(mutex_);
    enter(Call::kDueSince);
    const auto oldest = find_due();
    if (oldest == rows_.end()) return std::nullopt;
    return std::max(due_since_, oldest->created_at);
  }

  void record_audit(const AuditRecord& record) override {
    common::MutexLock lock(mutex_);
    enter(Call::kRecordAudit);
    if (!last_audit_ || record.replaces(*last_audit_)) last_audit_ = record;
  }

  std::optional<AuditRecord> last_audit() override {
    common::MutexLock lock(mutex_);
    enter(Call::kLastAudit);
    return last_audit_;
  }

  std::optional<std::uint64_t> version() override {
    common::MutexLock lock(mutex_);
    return version_;
  }
  std::optional<std::uint64_t> committed_version() override { return version(); }

  void write(std::string_view what, const Work& work) override {
    common::MutexLock lock(mutex_);
    writes_.emplace_back(what);
    const std::vector<Row> before = rows_;
    Transaction transaction(*this);
    try {
      work(transaction);
    } catch (...) {
      rows_ = before;
      throw;
    }
  }

  PayProgress progress(const PayRun& run) override {
    common::MutexLock lock(mutex_);
    enter(Call::kProgress);
    const auto refused = std::count_if(rows_.begin(), rows_.end(), [&](const Row& row) {
      return row.invoice.sequence <= run.through && row.invoice.state == InvoiceState::kRefused;
    });
    return {.pending = count_pending(run.through), .refused = refused};
  }

  bool is_pending(const PayRun& run) override {
    common::MutexLock lock(mutex_);
    enter(Call::kIsPending);
    return count_pending(run.through) > 0;
  }

  std::vector<std::string> pending_of(std::span<const std::string> ids) override {
    common::MutexLock lock(mutex_);
    enter(Call::kPendingOf);
    return pending(ids);
  }

  bool is_claimable(const Lease& lease) override {
    common::MutexLock lock(mutex_);
    enter(Call::kIsClaimable);
    return !claimable(lease).empty();
  }

  void release(const std::string& owner) override {
    common::MutexLock lock(mutex_);
    enter(Call::kRelease);
    for (Row& row : rows_) {
      if (row.owner == owner) end_lease(row);
    }
  }

  void check() override {
    common::MutexLock lock(mutex_);
    enter(Call::kCheck);
  }

 private:
  static constexpr std::chrono::seconds kTimeout{20};  // long, because sanitizers are slow

  // Lives within write(), which holds the lock.
  class Transaction final : public InvoiceTransaction {
   public:
    explicit Transaction(FakeInvoiceStore& store) : store_(store) {}

    PayRun request_payment() override REQUIRES(store_.mutex_) {
      store_.enter(Call::kRequestPayment);
      store_.note_request();
      for (Row& row : store_.rows_) restart(row, kAtOnce);
      const auto through = static_cast<std::int64_t>(store_.rows_.size());
      return {.through = through, .due = store_.count_pending(through)};
    }

    std::int64_t request_payment_of(std::span<const std::string> ids) override
        REQUIRES(store_.mutex_) {
      store_.enter(Call::kRequestPaymentOf);
      store_.note_request();
      for (const std::string& id : ids) {
        const auto row = store_.find_row(id);
        if (row != store_.rows_.end()) restart(*row, row->is_requested ? kAtOnce : kNextToThose);
      }
      return static_cast<std::int64_t>(store_.pending(ids).size());
    }

    std::vector<Claim> claim(const Lease& lease, std::size_t limit) override
        REQUIRES(store_.mutex_) {
      store_.enter(Call::kClaim);
      std::vector<Claim> claims;
      for (Row& row : store_.claimable(lease)) {
        if (claims.size() == limit) break;
        row.invoice.state = InvoiceState::kSending;
        row.owner = lease.owner;
        row.claimable_at = lease.until;
        claims.push_back({.sequence = row.invoice.sequence,
                          .id = row.invoice.id,
                          .amount = row.invoice.amount,
                          .generation = row.generation,
                          .attempt = ++row.attempt});
      }
      return claims;
    }

    void settle(const std::string& owner, std::span<const Settlement> settlements) override
        REQUIRES(store_.mutex_) {
      store_.enter(Call::kSettle);
      for (const Settlement& settlement : settlements) {
        store_.settlements_.push_back(settlement);
        store_.settle_one(owner, settlement);
      }
    }

   private:
    static void restart(Row& row, common::WallTime claimable_at) {
      row.is_requested = true;
      if (row.invoice.state == InvoiceState::kRefused) {
        row.invoice.state = InvoiceState::kUnpaid;
        ++row.generation;
        row.refusal.clear();
      }
      if (row.owner.empty()) row.claimable_at = claimable_at;
    }

    FakeInvoiceStore& store_;
  };

  static const common::Clock& system_clock() {
    static const common::SystemClock clock;
    return clock;
  }

  // First step of every call. The caller holds the lock.
  void enter(Call call) REQUIRES(mutex_) {
    ++calls_[call];
    changed_.notify_all();
    if (failing_.contains(call)) throw common::Unavailable("injected failure");
    const bool is_change = call == Call::kAdd || call == Call::kRecordAudit ||
                           call == Call::kRequestPayment || call == Call::kRequestPaymentOf ||
                           call == Call::kClaim || call == Call::kSettle || call == Call::kRelease;
    if (is_change) ++version_;  // also if nothing changes
  }

  int count_of(Call call) const REQUIRES(mutex_) {
    const auto found = calls_.find(call);
    return found == calls_.end() ? 0 : found->second;
  }

  std::vector<Row>::iterator find_row(const std::string& id) REQUIRES(mutex_) {
    return std::find_if(rows_.begin(), rows_.end(),
                        [&id](const Row& row) { return row.invoice.id == id; });
  }

  std::vector<Row>::iterator find_due() REQUIRES(mutex_) {
    return std::find_if(rows_.begin(), rows_.end(),
                        [](const Row& row) { return row.is_requested && !row.has_ended(); });
  }

  void note_request() REQUIRES(mutex_) {
    if (find_due() == rows_.end()) due_since_ = clock_.now();
  }

  std::vector<std::string> pending(std::span<const std::string> ids) REQUIRES(mutex_) {
    std::vector<std::string> pending;
    std::copy_if(ids.begin(), ids.end(), std::back_inserter(pending),
                 [this](const std::string& id) REQUIRES(mutex_) {
                   const auto row = find_row(id);
                   return row != rows_.end() && !row->has_ended();
                 });
    return pending;
  }

  AddOutcome add_group(const std::vector<NewInvoice>& group) REQUIRES(mutex_) {
    const std::size_t size_before = rows_.size();
    AddOutcome outcome;
    for (std::size_t i = 0; i < group.size(); ++i) {
      const auto& [id, amount] = group[i];
      auto row = find_row(id);
      if (row == rows_.end()) {
        const auto sequence = static_cast<std::int64_t>(rows_.size() + 1);
        row = rows_.insert(row, {.invoice = {sequence, id, amount, InvoiceState::kUnpaid},
                                 .created_at = clock_.now()});
      } else if (row->invoice.amount != amount) {
        rows_.erase(rows_.begin() + static_cast<std::ptrdiff_t>(size_before), rows_.end());
        return {.invoices = {}, .added = 0, .conflict = id};
      }
      outcome.invoices.push_back(row->invoice);
    }
    outcome.added = rows_.size() - size_before;
    return outcome;
  }

  // In the order in which they are claimed.
  std::vector<std::reference_wrapper<Row>> claimable(const Lease& lease) REQUIRES(mutex_) {
    const common::WallTime latest_valid = lease.until + (lease.until - lease.now);
    std::vector<std::reference_wrapper<Row>> found;
    for (Row& row : rows_) {
      const bool is_free = row.claimable_at <= lease.now || row.claimable_at > latest_valid;
      if (row.is_requested && !row.has_ended() && is_free) found.emplace_back(row);
    }
    std::stable_partition(found.begin(), found.end(),
                          [](const Row& row) { return row.claimable_at == kAtOnce; });
    return found;
  }

  std::int64_t count_pending(std::int64_t through) const REQUIRES(mutex_) {
    return std::count_if(rows_.begin(), rows_.end(), [through](const Row& row) {
      return row.invoice.sequence <= through && !row.has_ended();
    });
  }

  void settle_one(const std::string& owner, const Settlement& settlement) REQUIRES(mutex_) {
    Row& row = rows_.at(static_cast<std::size_t>(settlement.sequence - 1));
    const bool is_held = row.owner == owner && row.attempt == settlement.attempt;
    if (settlement.kind == Settlement::Kind::kPaid) {
      if (!row.invoice.is_paid()) row.settled_at = std::max(clock_.now(), row.created_at);
      row.invoice.state = InvoiceState::kPaid;
      row.refusal.clear();
      end_lease(row);
    } else if (settlement.kind == Settlement::Kind::kRefused && is_held) {
      row.invoice.state = InvoiceState::kRefused;
      row.refusal = settlement.refusal;
      row.settled_at = std::max(clock_.now(), row.created_at);
      end_lease(row);
    } else if (settlement.kind == Settlement::Kind::kRetry && is_held) {
      end_lease(row, settlement.retry_at);
    }
  }

  static void end_lease(Row& row, common::WallTime claimable_at = kAtOnce) {
    row.owner.clear();
    row.claimable_at = claimable_at;
  }

  const common::Clock& clock_;
  mutable common::Mutex mutex_;
  mutable common::CondVar changed_;
  std::vector<Row> rows_ GUARDED_BY(mutex_);  // sequence 1 is at index 0
  common::WallTime due_since_ GUARDED_BY(mutex_) = {};
  std::optional<AuditRecord> last_audit_ GUARDED_BY(mutex_);
  std::uint64_t version_ GUARDED_BY(mutex_) = 0;
  std::vector<Settlement> settlements_ GUARDED_BY(mutex_);
  std::vector<std::string> writes_ GUARDED_BY(mutex_);
  std::map<Call, int> calls_ GUARDED_BY(mutex_);
  std::set<Call> failing_ GUARDED_BY(mutex_);
};

}  // namespace invoice_app

#endif  // INVOICE_APP_TESTING_FAKE_INVOICE_STORE_H_
