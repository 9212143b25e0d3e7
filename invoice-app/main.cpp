// invoice-app: builds the parts and connects them.

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/base/clock.h"
#include "common/base/fault_point.h"
#include "common/base/random.h"
#include "common/http/address_lookup.h"
#include "common/http/base_url.h"
#include "common/http/limits.h"
#include "common/metrics/queried.h"
#include "common/service/run.h"
#include "common/service/service.h"
#include "invoice-app/audit.h"
#include "invoice-app/audit_record.h"
#include "invoice-app/audit_report.h"
#include "invoice-app/config.h"
#include "invoice-app/copied_data.h"
#include "invoice-app/http_payment_gateway.h"
#include "invoice-app/http_payment_ledger.h"
#include "invoice-app/invoice_metrics.h"
#include "invoice-app/page.h"
#include "invoice-app/pay_and_watch.h"
#include "invoice-app/pay_invoices.h"
#include "invoice-app/pay_metrics.h"
#include "invoice-app/payment_workers.h"
#include "invoice-app/postgres_invoice_store.h"
#include "invoice-app/provider_check.h"
#include "invoice-app/routes.h"
#include "invoice-app/seed.h"
#include "invoice-app/sqlite_invoice_store.h"

namespace invoice_app {
namespace {

constexpr common::About kAbout = {
    .name = "invoice-app",
    .summary = "keeps invoices and pays them",
    .data = copied_data,
    .audit_help =
        "--audit compares the invoices with the provider's ledger, and changes neither. It prints\n"
        "one JSON object, and records the result in the database, for metrics. The exit status is\n"
        "0 if nothing differs, 1 if something does, and 2 if they could not be compared, or the\n"
        "result could not be recorded. It uses DATABASE_URL, PAYMENT_PROVIDER_URL,\n"
        "PROVIDER_TOKEN_FILE and AUDIT_GRACE_MINUTES.\n\n"};

// Of all calls of the process, which share the provider's addresses. For the longest responses.
common::HttpClientOptions client_options(const Config& config) {
  const std::string& url = config.payment_provider_url;
  return {.base_url = url,
          .max_response_bytes = common::kMaxBatchResponseBytes,
          .addresses = std::make_shared<common::AddressLookup>(common::parse_base_url(url)->host)};
}

PaymentGatewayFactory gateways(const common::HttpClientOptions& options, const Config& config) {
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

Storage open_storage(const common::DatabaseUrl& database, const common::Clock& system_clock,
                     common::Opening opening) {
  if (database.kind == common::DatabaseUrl::Kind::kPostgres) {
    auto store = std::make_unique<PostgresInvoiceStore>(
        database.location, PostgresInvoiceStoreOptions{.opening = opening});
    const common::Clock& clock = store->clock();
    return {std::move(store), &clock};
  }
  return {std::make_unique<SqliteInvoiceStore>(database.location, system_clock, opening),
          &system_clock};
}

void serve(const Config& config) {
  const common::SystemClock system_clock;
  const Storage storage =
      open_storage(config.service.database, system_clock, common::Opening::kMigrate);
  InvoiceStore& store = *storage.store;
  if (config.seed_invoices) seed(store);

  common::Service service(config.service, [&store] { store.check(); });
  common::add_build_info(service.registry(), kAbout);
  const common::QueriedMetrics invoice_metrics(
      [reader = InvoiceMetrics(store, *storage.clock)]() mutable { return reader.read(); });
  service.add_metrics(invoice_metrics);
  PayMetrics metrics(service.registry());
  const common::HttpClientOptions calls = client_options(config);
  PaymentWorkers workers(store, gateways(calls, config), *storage.clock, metrics, worker_options());
  PayInvoices pay_invoices(store, workers, {.longest_wait = config.pay_wait});
  PayAndWatch pay_and_watch(store, workers);
  Routes routes(store, pay_invoices, pay_and_watch, {service.registry(), "add"});
  routes.add_to(service.router());
  ProviderCheck provider_check(calls, config.service.provider_token);
  provider_check.add_to(service.router());
  add_page_to(service.router());

  service.run([&] {
    pay_invoices.stop_waiting();
    pay_and_watch.stop_watching();
  });
}

// In an opening of its own, because the audit itself opens the database to read only.
void record_audit(const Config& config, const AuditRecord& record) try {
  const common::SystemClock system_clock;
  open_storage(config.service.database, system_clock, common::Opening::kExisting)
      .store->record_audit(record);
} catch (const std::exception& error) {
  throw std::runtime_error("the audit has finished, but was not recorded: " +
                           std::string(error.what()));
}

int run_audit(const Config& config) {
  const common::SystemClock system_clock;
  const auto begin = std::chrono::steady_clock::now();
  const Storage storage =
      open_storage(config.service.database, system_clock, common::Opening::kReadOnly);
  const common::WallTime started_at = storage.clock->now();
  HttpPaymentLedger ledger(client_options(config), config.service.provider_token);
  const auto name = [](Difference kind, const std::string& what) {
    std::cerr << what << ": " << kDifferences.at(static_cast<std::size_t>(kind)).second << '\n';
  };
  const AuditReport report =
      audit(*storage.store, [&ledger](const auto& cursor) { return ledger.page(cursor); },
            *storage.clock, {.grace = config.audit_grace, .name = name});
  std::cerr << to_text(report);
  const auto duration =
      std::chrono::ceil<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  std::cout << to_json(report, started_at, duration) << std::flush;
  if (!std::cout) throw std::runtime_error("can't write to standard output");
  record_audit(config, {started_at, storage.clock->now(), report.differences});
  return report.is_equal() ? 0 : 1;
}

}  // namespace
}  // namespace invoice_app

int main(int argc, char** argv) {
  using namespace invoice_app;
  return common::run(argc, argv, kAbout, read_config, serve, run_audit);
}
