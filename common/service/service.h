// What both programs do around their own work: command line, logging, the admin listener with
// probes and metrics, and an orderly stop on SIGTERM or SIGINT.

#ifndef COMMON_SERVICE_SERVICE_H_
#define COMMON_SERVICE_SERVICE_H_

#include <prometheus/registry.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "common/http/metrics.h"
#include "common/http/server.h"
#include "common/log/log.h"
#include "common/service/environment.h"

namespace common {

struct About {
  std::string name;
  std::string summary;  // for --help
};

struct ServiceDefaults {
  int port;
  int admin_port;
  std::string database_url;
  int http_threads;
};

// The part of the configuration that both services have.
struct ServiceConfig {
  int port;        // 0: any free port
  int admin_port;  // 0: any free port
  int http_threads;
  int drain_seconds;
  std::string database_path;
  std::optional<std::string> provider_token;
  LogLevel log_level;
  LogFormat log_format;
};

// Throws ConfigError.
ServiceConfig read_service_config(Environment& environment, const ServiceDefaults& defaults);

// Not thread-safe, but for what it says of run().
class Service {
 public:
  // `check_ready` throws while the service can't do its work; it is called by probes, from any
  // thread, while run() runs.
  Service(const ServiceConfig& config, std::function<void()> check_ready);

  // For routes and metrics of the service's own, before run().
  HttpRouter& router() { return public_server_.router(); }
  prometheus::Registry& registry() { return registry_; }

  // Serves until the process gets SIGTERM or SIGINT. Then readiness fails; requests are served for
  // drain_seconds more, so that load balancers notice (a second signal cuts that short); `on_stop`
  // is called; and the requests that run are finished. Throws when a port can't be had.
  void run(const std::function<void()>& on_stop);

 private:
  HttpResponse readiness();
  std::string why_not_ready();  // "": it is

  const ServiceConfig config_;
  const std::function<void()> check_ready_;
  std::atomic<bool> stopping_ = false;
  std::mutex check_mutex_;  // held by whoever checks
  std::mutex last_check_mutex_;
  std::string last_check_ = "not checked yet";  // guarded by last_check_mutex_; "": ready
  prometheus::Registry registry_;
  HttpMetrics http_metrics_;
  HttpServer public_server_;
  HttpServer admin_server_;
};

// Deals with --help, --version and errors; else reads the configuration with `configure`, which
// returns what serves: called once everything is set up, with signals blocked and logging on.
// Returns the exit status: 0, 1 when serving failed, 2 for a bad argument or variable.
using Serve = std::function<void()>;
int service_main(int argc, char** argv, const About& about,
                 const std::function<Serve(Environment&)>& configure);

// Sets up logging and logs the configuration, without secrets. For the Serve functions.
void start_logging(const About& about, const ServiceConfig& config);

}  // namespace common

#endif  // COMMON_SERVICE_SERVICE_H_
