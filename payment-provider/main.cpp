// payment-provider: builds the parts and connects them.

#include <memory>

#include "common/base/clock.h"
#include "common/service/run.h"
#include "common/service/service.h"
#include "payment-provider/config.h"
#include "payment-provider/copied_data.h"
#include "payment-provider/postgres_ledger.h"
#include "payment-provider/routes.h"
#include "payment-provider/sqlite_ledger.h"

namespace payment_provider {
namespace {

constexpr common::About kAbout = {.name = "payment-provider",
                                  .summary = "accepts payments and keeps the ledger",
                                  .data = copied_data};

// `clock` dates the payments of a ledger in SQLite.
std::unique_ptr<Ledger> open_ledger(const common::DatabaseUrl& database,
                                    const common::Clock& clock) {
  if (database.kind == common::DatabaseUrl::Kind::kPostgres) {
    return std::make_unique<PostgresLedger>(database.location);
  }
  return std::make_unique<SqliteLedger>(database.location, clock);
}

void serve(const Config& config) {
  const common::SystemClock clock;
  const auto ledger = open_ledger(config.service.database, clock);
  common::Service service(config.service, [&ledger] { ledger->check(); });
  common::add_build_info(service.registry(), kAbout);
  Routes routes(*ledger, config.rules, config.service.provider_token,
                {service.registry(), "record"});
  routes.add_to(service.router());
  service.run([] {});
}

}  // namespace
}  // namespace payment_provider

int main(int argc, char** argv) {
  using namespace payment_provider;
  return common::run(argc, argv, kAbout, read_config, serve);
}
