#include "common/service/service.h"

#include <fcntl.h>
#include <prometheus/text_serializer.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "common/base/file_descriptor.h"
#include "common/http/limits.h"
#include "common/http/problem.h"
#include "common/metrics/file_system.h"
#include "common/metrics/process.h"

namespace common {
namespace {

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

int wait_for_stop_signal() {
  const sigset_t signals = stop_signals();
  int signal = 0;
  sigwait(&signals, &signal);
  return signal;
}

void wait_for_stop_signal_for(std::chrono::seconds time) {
  const sigset_t signals = stop_signals();
  const timespec timeout{.tv_sec = time.count(), .tv_nsec = 0};
  sigtimedwait(&signals, nullptr, &timeout);
}

// How many connections a listener may have, given the descriptors that the process may open.
std::size_t limit_connections(std::size_t wanted) {
  rlimit descriptors{};
  ::getrlimit(RLIMIT_NOFILE, &descriptors);
  const std::size_t others = kOtherDescriptors + kMaxAdminConnections;
  const std::size_t left = descriptors.rlim_cur > others ? descriptors.rlim_cur - others : 0;
  return std::clamp(left, kMinConnections, wanted);
}

HttpServerOptions public_options(const ServiceConfig& config) {
  HttpServerOptions options;
  options.name = "public";
  options.port = config.port;
  options.workers = static_cast<std::size_t>(config.http_threads);
  options.max_connections = limit_connections(kMaxConnections);
  return options;
}

HttpServerOptions admin_options(const ServiceConfig& config) {
  HttpServerOptions options;
  options.name = "admin";
  options.port = config.admin_port;
  options.workers = kAdminWorkers;
  options.max_connections = limit_connections(kMaxAdminConnections);
  options.limits.stop_timeout = kAdminStopTimeout;
  options.quiet = true;
  return options;
}

void append(MetricFamilies& families, MetricFamilies more) {
  std::move(more.begin(), more.end(), std::back_inserter(families));
}

void log_listening(const std::string& listener, const HttpServer& server) {
  log_info("listening", {{"listener", listener}, {"port", server.port()}});
}

// Nothing but the port file of an earlier process may be replaced: a wrong path must not destroy a
// database or a device.
bool may_replace(const std::string& path) {
  constexpr std::string_view kBegin = "PORT=";
  const auto status = std::filesystem::symlink_status(path);
  if (!std::filesystem::exists(status)) return true;
  if (!std::filesystem::is_regular_file(status)) return false;
  std::string begin(kBegin.size(), ' ');
  std::ifstream(path).read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return begin == kBegin;
}

// Renamed into place, so that no reader sees a part of it.
void write_port_file(const std::string& path, int port, int admin_port) {
  if (!may_replace(path)) {
    throw std::system_error(EEXIST, std::generic_category(),
                            "PORT_FILE " + path + " is another kind of file");
  }
  const std::string lines =
      "PORT=" + std::to_string(port) + "\nADMIN_PORT=" + std::to_string(admin_port) + '\n';
  std::string temporary = path + ".XXXXXX";
  const FileDescriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() >= 0 &&
      ::write(file.get(), lines.data(), lines.size()) == static_cast<ssize_t>(lines.size()) &&
      ::fchmod(file.get(), S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH) == 0 &&
      ::rename(temporary.c_str(), path.c_str()) == 0) {
    return;
  }
  const int error = errno;
  if (file.get() >= 0) ::unlink(temporary.c_str());
  throw std::system_error(error, std::generic_category(), "can't write PORT_FILE " + path);
}

DatabaseUrl read_database(Environment& environment, const std::string& default_url) {
  const std::string url =
      environment.text("DATABASE_URL", default_url, kDatabaseUrlSyntax,
                       "database; a file of SQLite is created if it doesn't exist",
                       [](const std::string&) { return true; });
  const auto from_file = environment.secret_file(
      "DATABASE_URL_FILE", "file with the URL of the database, which replaces DATABASE_URL");
  auto database = DatabaseUrl::parse(from_file.value_or(url));
  if (database) return *database;
  throw ConfigError(from_file ? "DATABASE_URL_FILE" : "DATABASE_URL",
                    from_file ? "(not shown)" : url, kDatabaseUrlSyntax);
}

}  // namespace

ServiceConfig read_service_config(Environment& environment, const ServiceDefaults& defaults) {
  constexpr int kMaxPort = 65535;
  ServiceConfig config;
  config.port = environment.integer("PORT", defaults.port, 0, kMaxPort,
                                    "port of the public API; 0: any free port");
  config.admin_port = environment.integer("ADMIN_PORT", defaults.admin_port, 0, kMaxPort,
                                          "port of probes and metrics; 0: any free port");
  config.port_file = environment.text(
      "PORT_FILE", "", "the path of a file, or empty for none",
      "file to write the lines PORT=N and ADMIN_PORT=N to when both ports are open; "
      "it stays after a stop, so remove it before the next start",
      [](const std::string&) { return true; });
  config.database = read_database(environment, defaults.database_url);
  config.provider_token = environment.secret_file(
      "PROVIDER_TOKEN_FILE", "file with the bearer token that payment-provider requires");
  config.http_threads =
      environment.integer("HTTP_THREADS", static_cast<int>(kServerWorkers), 1, 256,
                          "threads that run requests of the public API; connections need none");
  config.drain_time = std::chrono::seconds(environment.integer(
      "DRAIN_SECONDS", 0, 0, 300, "how long requests are still served after SIGTERM"));
  config.log_level = environment.choice<LogLevel>("LOG_LEVEL", "info",
                                                  {{"debug", LogLevel::kDebug},
                                                   {"info", LogLevel::kInfo},
                                                   {"warn", LogLevel::kWarn},
                                                   {"error", LogLevel::kError}},
                                                  "lowest level that is logged");
  config.log_format = environment.choice<LogFormat>(
      "LOG_FORMAT", "auto",
      {{"auto", LogFormat::kAuto}, {"text", LogFormat::kText}, {"json", LogFormat::kJson}},
      "auto: text on a terminal, JSON lines elsewhere");
  return config;
}

void block_stop_signals() {
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

Service::Service(const ServiceConfig& config, std::function<void()> check_ready)
    : config_(config),
      check_ready_(std::move(check_ready)),
      http_metrics_(registry_),
      public_server_(public_options(config), http_metrics_),
      admin_server_(admin_options(config), http_metrics_) {
  for (HttpServer* server : {&public_server_, &admin_server_}) {
    const auto alive = [](const HttpRequest&) {
      return HttpResponse{.content_type = "text/plain", .body = "alive\n"};
    };
    // Open, because load balancers have no token.
    server->router().get("/livez", alive, HttpRouter::Access::kOpen, alive);
  }
  admin_server_.router().get("/readyz", [this](const HttpRequest&) { return readiness(); });
  admin_server_.router().get("/metrics", [this](const HttpRequest&) {
    return HttpResponse{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                        .body = prometheus::TextSerializer().Serialize(metrics())};
  });
}

MetricFamilies Service::metrics() const {
  MetricFamilies families = registry_.Collect();
  append(families, process_metrics());
  if (config_.database.kind == DatabaseUrl::Kind::kSqlite) {
    append(families, file_system_metrics(config_.database.location));
  }
  families.push_back(
      counter_family("log_lines_dropped_total",
                     "Log lines lost because standard output was not read or not writable.",
                     static_cast<double>(log_lines_dropped())));
  const auto add_gauge = [&](const char* name, const char* help, auto public_value,
                             auto admin_value) {
    families.push_back(gauge_family(name, help,
                                    {{static_cast<double>(public_value), {{"listener", "public"}}},
                                     {static_cast<double>(admin_value), {{"listener", "admin"}}}}));
  };
  const auto public_load = public_server_.load();
  const auto admin_load = admin_server_.load();
  add_gauge("http_workers", "Threads that run requests.", config_.http_threads, kAdminWorkers);
  add_gauge("http_workers_busy", "Threads that run a request now.", public_load.busy,
            admin_load.busy);
  add_gauge("http_requests_queued", "Requests that wait for a thread.", public_load.queued,
            admin_load.queued);
  for (const prometheus::Collectable* more : more_metrics_) append(families, more->Collect());
  return families;
}

HttpResponse Service::readiness() {
  if (stopping_) return to_response({.status = 503, .detail = "stopping"});
  const std::string reason = why_not_ready();
  if (!reason.empty()) return to_response({.status = 503, .detail = reason});
  return {.content_type = "text/plain", .body = "ready\n"};
}

// A check may take seconds if the database fails. Only one thread checks at a time; other
// probes get the last result. Otherwise probes would soon occupy all workers of the admin listener,
// and /metrics would not respond.
std::string Service::why_not_ready() {
  MutexLock lock(check_mutex_);
  if (is_checking_) return last_check_;
  is_checking_ = true;
  lock.unlock();
  std::string reason;
  try {
    check_ready_();
  } catch (const std::exception& error) {
    reason = error.what();
  }
  lock.lock();
  is_checking_ = false;
  return last_check_ = reason;
}

void Service::run(const std::function<void()>& on_stop) {
  public_server_.bind();
  admin_server_.bind();
  admin_server_.start();
  public_server_.start();
  if (!config_.port_file.empty()) {
    write_port_file(config_.port_file, public_server_.port(), admin_server_.port());
  }
  log_listening("admin", admin_server_);
  log_listening("public", public_server_);

  const int signal = wait_for_stop_signal();
  log_info("stopping", {{"signal", signal}, {"drain_seconds", config_.drain_time.count()}});
  stopping_ = true;
  public_server_.start_draining();
  wait_for_stop_signal_for(config_.drain_time);
  on_stop();
  public_server_.stop();
  admin_server_.stop();
}

}  // namespace common
