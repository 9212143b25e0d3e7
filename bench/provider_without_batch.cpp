// payment-provider without its path for batches, as it was before. So invoice-app pays one by one.

#include "common/base/clock.h"
#include "common/http/problem.h"
#include "common/service/run.h"
#include "common/service/service.h"
#include "payment-provider/config.h"
#include "payment-provider/routes.h"
#include "payment-provider/sqlite_ledger.h"

namespace payment_provider {
namespace {

constexpr common::About kAbout = {.name = "payment-provider",
                                  .summary = "accepts payments, but no batches of them"};

void serve(const Config& config) {
  const common::SystemClock clock;
  SqliteLedger ledger(config.service.database.location, clock);
  common::Service service(config.service, [&ledger] { ledger.check(); });
  // Of two handlers for one path, the router keeps the first.
  service.router().post("/payments/batch", {}, [](const common::HttpRequest&) {
    return common::to_response({.status = 404, .detail = "this provider has no batches"});
  });
  Routes routes(ledger, config.rules, config.service.provider_token,
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
