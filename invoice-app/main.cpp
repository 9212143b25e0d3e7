// invoice-app: builds the parts and connects them.

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "common/base/clock.h"
#include "common/base/fault_point.h"
#include "common/base/random.h"
#include "common/http/limits.h"
#include "common/service/run.h"
#include "common/service/service.h"
#include "invoice-app/config.h"
#include "invoice-app/copied_data.h"
#include "invoice-app/http_payment_gateway.h"
#include "invoice-app/pay_and_watch.h"
#include "invoice-app/pay_invoices.h"
#include "invoice-app/pay_metrics.h"
#include "invoice-app/payment_workers.h"
#include "invoice-app/postgres_invoice_store.h"
#include "invoice-app/routes.h"
#include "invoice-app/seed.h"
#include "invoice-app/sqlite_invoice_store.h"

namespace invoice_app {
namespace {

constexpr common::About kAbout = {
    .name = "invoice-app", .summary = "keeps invoices and pays them", .data = copied_data};

PaymentGatewayFactory gateways(const Config& config) {
  const common::HttpClientOptions options{.base_url = config.payment_provider_url,
                                          .max_response_bytes = common::kMaxBatchResponseBytes};
  return [options, token = config.service.provider_token] {
    return std::make_unique<HttpPaymentGateway>(options, token);
  };
}

PaymentWorkersOptions worker_options() {
  PaymentWorkersOptions options{.owner = "pid " + std::to_string(getpid()) + " " +
                                         common::random_hex(16)};
  BatchSizeOptions& batch = options.caller.batch;
  batch.max = static_cast<std::size_t>(
      common::fault_option("FAULT_BATCH_SIZE", static_cast<std::int64_t>(batch.max)));
  batch.pause =
      std::chrono::milliseconds(common::fault_option("FAULT_BATCH_PAUSE_MS", batch.pause.count()));
  return options;
}

struct Storage {
  std::unique_ptr<InvoiceStore> store;
  const common::Clock* clock;  // for leases
};

Storage open_storage(const common::DatabaseUrl& database, const common::Clock& system_clock) {
  if (database.kind == common::DatabaseUrl::Kind::kPostgres) {
    auto store = std::make_unique<PostgresInvoiceStore>(database.location);
    const common::Clock& clock = store->clock();
    return {std::move(store), &clock};
  }
  return {std::make_unique<SqliteInvoiceStore>(database.location, system_clock), &system_clock};
}

void serve(const Config& config) {
  const common::SystemClock system_clock;
  const Storage storage = open_storage(config.service.database, system_clock);
  InvoiceStore& store = *storage.store;
  if (config.seed_invoices) seed(store);

  common::Service service(config.service, [&store] { store.check(); });
  PayMetrics metrics(service.registry());
  PaymentWorkers workers(store, gateways(config), *storage.clock, metrics, worker_options());
  PayInvoices pay_invoices(store, workers, {.longest_wait = config.pay_wait});
  PayAndWatch pay_and_watch(store, workers);
  Routes routes(store, pay_invoices, pay_and_watch);
  routes.add_to(service.router());

  service.run([&] {
    pay_invoices.stop_waiting();
    pay_and_watch.stop_watching();
  });
}

}  // namespace
}  // namespace invoice_app

int main(int argc, char** argv) {
  using namespace invoice_app;
  return common::run(argc, argv, kAbout, read_config, serve);
}
