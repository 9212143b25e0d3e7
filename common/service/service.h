// The life of a service: public API, admin listener with probes and metrics, and an orderly stop on
// SIGTERM or SIGINT.

#ifndef COMMON_SERVICE_SERVICE_H_
#define COMMON_SERVICE_SERVICE_H_

#include <prometheus/collectable.h>
#include <prometheus/registry.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/http/metrics.h"
#include "common/http/server.h"
#include "common/log/log.h"
#include "common/metrics/family.h"
#include "common/service/environment.h"
#include "common/storage/database_url.h"

namespace common {

struct ServiceDefaults {
  int port;
  int admin_port;
  std::string database_url;
};

// The part of the configuration that both services have.
struct ServiceConfig {
  int port;               // 0: any free port
  int admin_port;         // 0: any free port
  std::string port_file;  // gets the ports once both are open; "": none
  int http_threads;
  std::chrono::seconds drain_time;
  DatabaseUrl database;
  std::optional<std::string> provider_token;
  LogLevel log_level;
  LogFormat log_format;
};

// Throws ConfigError.
ServiceConfig read_service_config(Environment& environment, const ServiceDefaults& defaults);

// Call before other threads exist, because they inherit the mask: only Service::run() may receive
// SIGTERM and SIGINT.
void block_stop_signals();

// Not thread-safe.
class Service {
 public:
  // `check_ready` throws if the service is not ready. Workers of the admin listener call it during
  // run(), never concurrently.
  Service(const ServiceConfig& config, std::function<void()> check_ready);

  // For the service's own routes and metrics; before run().
  HttpRouter& router() { return public_server_.router(); }
  prometheus::Registry& registry() { return registry_; }
  // Metrics that are read during a scrape, by a worker of the admin listener. They must outlive
  // run().
  void add_metrics(const prometheus::Collectable& metrics) { more_metrics_.push_back(&metrics); }

  // Serves until the process receives SIGTERM or SIGINT. The stop has three steps:
  // 1. For drain_time, readiness fails and requests are still served, so that load balancers can
  //    choose another replica. A second signal ends this step.
  // 2. Calls `on_stop`. After it, requests that wait must get their response soon.
  // 3. Finishes the requests in flight, and closes all connections.
  // Throws std::system_error if a port is not available or the port file can't be written.
  void run(const std::function<void()>& on_stop);

 private:
  HttpResponse readiness();
  std::string why_not_ready();  // "": ready
  MetricFamilies metrics() const;

  const ServiceConfig config_;
  const std::function<void()> check_ready_;
  std::atomic<bool> stopping_ = false;
  Mutex check_mutex_;
  bool is_checking_ GUARDED_BY(check_mutex_) = false;
  std::string last_check_ GUARDED_BY(check_mutex_) = "not checked yet";  // "": ready
  prometheus::Registry registry_;
  std::vector<const prometheus::Collectable*> more_metrics_;
  HttpMetrics http_metrics_;
  HttpServer public_server_;
  HttpServer admin_server_;
};

}  // namespace common

#endif  // COMMON_SERVICE_SERVICE_H_
