#include "common/service/service.h"

#include <prometheus/text_serializer.h>
#include <pthread.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <csignal>
#include <ctime>
#include <iostream>
#include <stdexcept>
#include <utility>

#include "common/http/problem.h"

namespace common {
namespace {

constexpr std::string_view kSqliteScheme = "sqlite:";

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

// Else glibc raises the threshold with what is freed, and each thread's arena keeps tens of MiB.
void give_large_blocks_back() {
#ifdef __GLIBC__
  constexpr int kLargeBlock = 256 * 1024;
  mallopt(M_MMAP_THRESHOLD, kLargeBlock);  // NOLINT(concurrency-mt-unsafe): no threads yet
#endif
}

// Before any thread exists, so that all inherit it and only those who wait for the signals get
// them.
void block_stop_signals() {
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c): can't fail for SIGPIPE
  // A file that may not grow (ulimit -f) is an error of the write, as a full disk is, no death.
  std::signal(SIGXFSZ, SIG_IGN);  // NOLINT(cert-err33-c): can't fail for SIGXFSZ
}

int wait_for_stop_signal() {
  const sigset_t signals = stop_signals();
  int signal = 0;
  sigwait(&signals, &signal);
  return signal;
}

void wait_for_stop_signal_at_most(int seconds) {
  const sigset_t signals = stop_signals();
  const timespec timeout{.tv_sec = seconds, .tv_nsec = 0};
  sigtimedwait(&signals, nullptr, &timeout);
}

HttpServerOptions public_options(const ServiceConfig& config) {
  HttpServerOptions options;
  options.name = "public";
  options.port = config.port;
  options.threads = static_cast<std::size_t>(config.http_threads);
  return options;
}

HttpServerOptions admin_options(const ServiceConfig& config) {
  HttpServerOptions options;
  options.name = "admin";
  options.port = config.admin_port;
  options.threads = 4;  // probes and scrapes come one at a time
  options.quiet = true;
  return options;
}

prometheus::MetricFamily log_lines_dropped_family() {
  prometheus::ClientMetric metric;
  metric.counter.value = static_cast<double>(log_lines_dropped());
  return {.name = "log_lines_dropped_total",
          .help = "Log lines lost because standard output was not read or not writable",
          .type = prometheus::MetricType::Counter,
          .metric = {metric}};
}

void log_listening(const std::string& listener, const HttpServer& server) {
  log_info("listening", {{"listener", listener}, {"port", server.port()}});
}

}  // namespace

ServiceConfig read_service_config(Environment& environment, const ServiceDefaults& defaults) {
  constexpr int kMaxPort = 65535;
  ServiceConfig config;
  config.port = environment.integer("PORT", defaults.port, 0, kMaxPort,
                                    "port of the public API; 0 takes any free one");
  config.admin_port = environment.integer("ADMIN_PORT", defaults.admin_port, 0, kMaxPort,
                                          "port of /livez, /readyz and /metrics; 0 takes any");
  const std::string url = environment.text(
      "DATABASE_URL", defaults.database_url, "sqlite:PATH",
      "where the data is kept; the file is created if need be", [](const std::string& value) {
        // Not ":memory:", of which each connection would have its own.
        return value.starts_with(kSqliteScheme) && value.size() > kSqliteScheme.size() &&
               value[kSqliteScheme.size()] != ':';
      });
  config.database_path = url.substr(kSqliteScheme.size());
  config.provider_token = environment.secret_file(
      "PROVIDER_TOKEN_FILE", "file with the bearer token that payment-provider demands");
  config.http_threads = environment.integer("HTTP_THREADS", defaults.http_threads, 2, 1024,
                                            "connections of the public API served at one time");
  config.drain_seconds = environment.integer("DRAIN_SECONDS", 0, 0, 300,
                                             "how long requests are still served after SIGTERM");
  config.log_level = environment.choice<LogLevel>("LOG_LEVEL", "info",
                                                  {{"debug", LogLevel::kDebug},
                                                   {"info", LogLevel::kInfo},
                                                   {"warn", LogLevel::kWarn},
                                                   {"error", LogLevel::kError}},
                                                  "least level of what is logged");
  config.log_format = environment.choice<LogFormat>(
      "LOG_FORMAT", "auto",
      {{"auto", LogFormat::kAuto}, {"text", LogFormat::kText}, {"json", LogFormat::kJson}},
      "auto: text on a terminal, JSON lines elsewhere");
  return config;
}

Service::Service(const ServiceConfig& config, std::function<void()> check_ready)
    : config_(config),
      check_ready_(std::move(check_ready)),
      http_metrics_(registry_),
      public_server_(public_options(config), http_metrics_),
      admin_server_(admin_options(config), http_metrics_) {
  admin_server_.router().get("/livez", [](const HttpRequest&) {
    return HttpResponse{.content_type = "text/plain", .body = "alive\n"};
  });
  admin_server_.router().get("/readyz", [this](const HttpRequest&) { return readiness(); });
  admin_server_.router().get("/metrics", [this](const HttpRequest&) {
    auto families = registry_.Collect();
    families.push_back(log_lines_dropped_family());
    return HttpResponse{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                        .body = prometheus::TextSerializer().Serialize(families)};
  });
}

HttpResponse Service::readiness() {
  if (stopping_) return to_response({.status = 503, .detail = "stopping"});
  const std::string reason = why_not_ready();
  if (!reason.empty()) return to_response({.status = 503, .detail = reason});
  return {.content_type = "text/plain", .body = "ready\n"};
}

// A check may take seconds when the database is in trouble. So there is one at a time, or probes
// would soon hold all threads of the listener, and nobody would say that the process is alive.
std::string Service::why_not_ready() {
  const std::unique_lock checking(check_mutex_, std::try_to_lock);
  if (checking) {
    std::string reason;
    try {
      check_ready_();
    } catch (const std::exception& error) {
      reason = error.what();
    }
    const std::lock_guard lock(last_check_mutex_);
    last_check_ = reason;
  }
  const std::lock_guard lock(last_check_mutex_);
  return last_check_;
}

void Service::run(const std::function<void()>& on_stop) {
  public_server_.bind();
  admin_server_.bind();
  admin_server_.start();
  public_server_.start();
  log_listening("admin", admin_server_);
  log_listening("public", public_server_);

  const int signal = wait_for_stop_signal();
  log_info("stopping", {{"signal", signal}, {"drain_seconds", config_.drain_seconds}});
  stopping_ = true;
  public_server_.start_draining();
  wait_for_stop_signal_at_most(config_.drain_seconds);
  on_stop();
  public_server_.stop();
  admin_server_.stop();
}

void start_logging(const About& about, const ServiceConfig& config) {
  init_logging(about.name, config.log_level, config.log_format);
  log_info("starting", {{"version", PROJECT_VERSION},
                        {"database", config.database_path},
                        {"token", config.provider_token ? "set" : "none"},
                        {"http_threads", config.http_threads}});
}

int service_main(int argc, char** argv, const About& about,
                 const std::function<Serve(Environment&)>& configure) {
  const std::string argument = argc > 1 ? argv[1] : "";
  if (argument == "--version") {
    std::cout << about.name << ' ' << PROJECT_VERSION << '\n';
    return 0;
  }
  if (argument == "--help" || argument == "-h") {
    Environment defaults([](const std::string&) { return std::nullopt; });
    configure(defaults);
    std::cout << about.name << ": " << about.summary << "\n\nUsage: " << about.name
              << " [--help | --version]\n\nConfigured by environment variables:\n"
              << defaults.help();
    return 0;
  }
  if (argc > 1) {
    std::cerr << about.name << ": unknown argument \"" << argument << "\"; see --help\n";
    return 2;
  }

  try {
    block_stop_signals();
    give_large_blocks_back();
    Environment environment;
    configure(environment)();
    log_info("stopped");
    return stop_logging(0);
  } catch (const ConfigError& error) {
    std::cerr << about.name << ": " << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << about.name << ": " << error.what() << '\n';
    return stop_logging(1);
  }
}

}  // namespace common
