// A retry budget: however many calls fail, retries stay a small part of all calls, so that a
// provider in trouble isn't buried under them. A retry over the budget isn't given up, it waits for
// its turn.
//
// A token bucket: each call puts `share` of a token in, and so does time, so that a few retries are
// always possible; each retry takes one token out, if need be one that is yet to come.
//
// Thread-safe. Time is given by the caller, in milliseconds of any clock that only goes forward.

#ifndef INVOICE_APP_RETRY_BUDGET_H_
#define INVOICE_APP_RETRY_BUDGET_H_

#include <cstdint>
#include <mutex>

namespace invoice_app {

struct RetryBudgetOptions {
  double share = 0.2;            // retries per call
  double per_second = 20;        // retries on top of that
  double max_saved_tokens = 50;  // what a quiet time saves up, and what there is at the start
  // No retry waits longer, even if that is over the budget: a provider that fails now and then gets
  // everything paid all the same.
  std::int64_t longest_wait_ms = 5'000;
};

class RetryBudget {
 public:
  explicit RetryBudget(RetryBudgetOptions options = {})
      : options_(options), tokens_(options.max_saved_tokens) {}

  void on_call();

  // Takes a retry out of the budget and returns how long from now it must wait at least, in
  // milliseconds; 0 when it is within the budget now.
  std::int64_t take_retry(std::int64_t now_ms);

 private:
  void add(double tokens);  // with mutex_ held

  const RetryBudgetOptions options_;

  std::mutex mutex_;
  double tokens_;                // guarded by mutex_; below 0: promised to retries that wait
  std::int64_t seen_at_ms_ = 0;  // guarded by mutex_; until when time has put its tokens in
};

}  // namespace invoice_app

#endif  // INVOICE_APP_RETRY_BUDGET_H_
