// Whether payment-provider can be used: GET /provider.
//
// A check is GET /payments/{id} with a new connection. As a payment, it needs the network, the
// token and the provider's database, but it changes nothing. No worker waits for it: a thread makes
// the checks, and all requests that come during a check get its result.

#ifndef INVOICE_APP_PROVIDER_CHECK_H_
#define INVOICE_APP_PROVIDER_CHECK_H_

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/http/client.h"
#include "common/http/limits.h"
#include "common/http/router.h"

namespace invoice_app {

// Why the provider cannot be used, if it cannot. Names no address, because it is for clients.
using ProviderProblem = std::optional<std::string>;

// What the response to a check says. A provider that does not have the path is usable.
ProviderProblem interpret_provider_check(const common::HttpResult& result);

// Thread-safe.
class ProviderCheck {
 public:
  // After a check, the next one begins at the first request after `interval`.
  // The options of other calls to the provider; `timeout` replaces their timeouts.
  ProviderCheck(common::HttpClientOptions options, const std::optional<std::string>& bearer_token,
                std::chrono::milliseconds timeout = common::kProviderCheckTimeout,
                std::chrono::milliseconds interval = common::kProviderCheckInterval);
  // Waits for a check that is running, and responds to its requests.
  ~ProviderCheck();
  ProviderCheck(const ProviderCheck&) = delete;
  ProviderCheck& operator=(const ProviderCheck&) = delete;

  // This must outlive the router's requests.
  void add_to(common::HttpRouter& router);

 private:
  struct Result {
    ProviderProblem problem;
    std::chrono::steady_clock::time_point at;
  };

  void respond(const common::HttpRespond& respond);
  void run();

  const std::chrono::milliseconds interval_;
  common::HttpClient client_;  // used by the thread only
  common::HttpHeaders headers_;

  common::Mutex mutex_;
  common::CondVar changed_;
  bool is_stopping_ GUARDED_BY(mutex_) = false;
  std::optional<Result> last_ GUARDED_BY(mutex_);
  std::vector<common::HttpRespond> waiting_ GUARDED_BY(mutex_);  // for a check
  std::thread thread_;
};

}  // namespace invoice_app

#endif  // INVOICE_APP_PROVIDER_CHECK_H_
