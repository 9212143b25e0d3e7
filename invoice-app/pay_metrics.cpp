#include "invoice-app/pay_metrics.h"

#include <prometheus/family.h>

#include <string>

namespace invoice_app {
namespace {

prometheus::Counter& attempts(prometheus::Registry& registry, const std::string& outcome) {
  return prometheus::BuildCounter()
      .Name("invoice_payment_attempts_total")
      .Help("Attempts to pay an invoice, by outcome.")
      .Register(registry)
      .Add({{"outcome", outcome}});
}

}  // namespace

PayMetrics::PayMetrics(prometheus::Registry& registry)
    : paid(attempts(registry, "paid")),
      refused(attempts(registry, "refused")),
      unknown(attempts(registry, "unknown")),
      retries(prometheus::BuildCounter()
                  .Name("invoice_payment_retries_total")
                  .Help("Payments that will be tried again.")
                  .Register(registry)
                  .Add({})),
      call_seconds(
          prometheus::BuildHistogram()
              .Name("invoice_payment_call_seconds")
              .Help("Duration of a call to the provider.")
              .Register(registry)
              .Add({}, prometheus::Histogram::BucketBoundaries{0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                               0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
                                                               5})),
      calls_in_flight(prometheus::BuildGauge()
                          .Name("invoice_payment_calls_in_flight")
                          .Help("Calls to the provider that have not ended.")
                          .Register(registry)
                          .Add({})),
      breaker_open(prometheus::BuildGauge()
                       .Name("invoice_payment_breaker_open")
                       .Help("1 while the circuit breaker is open or half open, else 0.")
                       .Register(registry)
                       .Add({})),
      commits(registry, "pay") {}

}  // namespace invoice_app
