// The HTTP/1.1 server of both services. A connection costs a coroutine and a descriptor, not a
// thread: one thread does all input and output of a listener, a few workers run the handlers
// (docs/decisions/0005-http-server.md, docs/http.md).
//
// Every response has X-Request-Id, and every request is logged and counted.
//
// Thread-safety: start_draining(), port() and load() from any thread; everything else from one at a
// time, and routes before start().

#ifndef COMMON_HTTP_SERVER_H_
#define COMMON_HTTP_SERVER_H_

#include <cstddef>
#include <memory>
#include <string>

#include "common/base/worker_pool.h"
#include "common/http/limits.h"
#include "common/http/metrics.h"
#include "common/http/router.h"

namespace common {

struct HttpServerOptions {
  std::string name = "public";  // of the listener, in logs and metrics
  // An IP address. Empty: all addresses, IPv6 and IPv4.
  std::string host = {};
  int port = 0;  // 0: any free port

  std::size_t workers = kServerWorkers;
  std::size_t max_connections = kMaxConnections;

  HttpConnectionLimits limits = {};

  // Requests to this listener are logged at debug level instead of info: probes and scrapes.
  bool quiet = false;
};

class HttpServer {
 public:
  // `metrics` must outlive the server.
  HttpServer(HttpServerOptions options, HttpMetrics& metrics);
  ~HttpServer();  // stops

  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // For adding routes.
  HttpRouter& router();

  // Takes the port, and never shares it with another process. Throws std::system_error, with host
  // and port in what().
  void bind();

  // The port in use, after bind().
  int port() const;

  // Busy workers, and requests that wait for one.
  WorkerPool::Load load() const;

  // Serves from threads of its own, after bind(). Throws std::system_error if a thread cannot be
  // started; then nobody is served.
  void start();

  // Each response closes its connection from now on, so that clients move to another replica.
  void start_draining();

  // Stops accepting, and returns when all connections have ended. Requests in flight are finished;
  // idle connections are closed after kStopGrace, slow ones are cut after kStopTimeout. Waits for
  // handlers and deferred responses, also after that. Idempotent.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace common

#endif  // COMMON_HTTP_SERVER_H_
