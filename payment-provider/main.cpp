// payment-provider: wires the parts together, and nothing else.

#include "common/base/clock.h"
#include "common/service/service.h"
#include "payment-provider/config.h"
#include "payment-provider/routes.h"
#include "payment-provider/sqlite_ledger.h"

namespace payment_provider {
namespace {

const common::About kAbout = {.name = "payment-provider",
                              .summary = "takes payments and keeps the ledger"};

void serve(const Config& config) {
  common::start_logging(kAbout, config.service);
  const common::SystemClock clock;
  SqliteLedger ledger(config.service.database_path, clock);
  common::Service service(config.service, [&ledger] { ledger.check(); });
  Routes routes(ledger, config.rules, config.service.provider_token);
  routes.add_to(service.router());
  service.run([] {});
}

}  // namespace
}  // namespace payment_provider

int main(int argc, char** argv) {
  return common::service_main(argc, argv, payment_provider::kAbout,
                              [](common::Environment& environment) -> common::Serve {
                                return [config = payment_provider::read_config(environment)] {
                                  payment_provider::serve(config);
                                };
                              });
}
