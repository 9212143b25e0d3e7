// The public API: maps HTTP and JSON to the ledger.

#ifndef PAYMENT_PROVIDER_ROUTES_H_
#define PAYMENT_PROVIDER_ROUTES_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/http/cached_list.h"
#include "common/http/router.h"
#include "common/metrics/commits.h"
#include "common/storage/group_commit.h"
#include "payment-provider/ledger.h"
#include "payment-provider/payment.h"

namespace payment_provider {

// Thread-safe.
class Routes {
 public:
  // The ledger must outlive the routes, and the routes must outlive the routers that they are added
  // to. If `token` is set, every request must carry it (RFC 6750).
  // `commits` observes the commits of payments.
  Routes(Ledger& ledger, PaymentRules rules, std::optional<std::string> token,
         common::CommitMetrics commits);

  void add_to(common::HttpRouter& router);

  common::HttpResponse list(const common::HttpRequest& request);
  common::HttpResponse find(const common::HttpRequest& request);
  void pay(const common::HttpRequest& request, const common::HttpRespond& respond);
  void pay_batch(const common::HttpRequest& request, const common::HttpRespond& respond);
  std::optional<common::HttpResponse> demand_token(const common::HttpRequest& request) const;

 private:
  Ledger& ledger_;
  const PaymentRules rules_;
  const std::optional<std::string> token_;
  common::CachedList list_;
  common::CachedList summary_;
  // Single payments and batches share commits. The weight of a request is the number of its orders.
  common::GroupCommit<std::shared_ptr<const std::vector<PaymentOrder>>, std::vector<PaymentOutcome>>
      recordings_;
};

}  // namespace payment_provider

#endif  // PAYMENT_PROVIDER_ROUTES_H_
