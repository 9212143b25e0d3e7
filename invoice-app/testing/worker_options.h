// Options of PaymentWorkers for tests: few threads, short waits, and payments one by one.

#ifndef INVOICE_APP_TESTING_WORKER_OPTIONS_H_
#define INVOICE_APP_TESTING_WORKER_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <string>

#include "invoice-app/payment_workers.h"

namespace invoice_app {

inline PaymentWorkersOptions worker_options(const std::string& owner = "worker",
                                            std::size_t concurrency = 4) {
  using std::chrono::milliseconds;
  PaymentWorkersOptions options;
  options.owner = owner;
  options.batch_calls = options.single_calls = concurrency;
  options.caller.batch.max = 1;
  options.gather = milliseconds(1);
  options.look_interval = milliseconds(5);
  options.retry_look_interval = milliseconds(1);
  options.caller.retry.first_backoff = milliseconds(1);
  options.caller.retry.longest_backoff = milliseconds(4);
  return options;
}

}  // namespace invoice_app

#endif  // INVOICE_APP_TESTING_WORKER_OPTIONS_H_
