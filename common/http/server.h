// The HTTP/1.1 server of both services. cpp-httplib reads request lines and writes responses;
// connections, their deadlines, headers, bodies and the few exact paths are looked after here, so
// that the library's versions behave alike (docs/decisions/0005-http-server.md). The only file on
// the server side that knows the library, but for httplib_stream.h.
//
// Each connection holds one thread of a fixed pool for as long as it is kept alive; connections
// over the pool wait in the kernel's backlog, and while any wait, connections are not kept alive.
// Every answer carries X-Request-Id, and every request is logged and counted.
//
// Thread-safety: add routes and bind from one thread before start(); the rest from any.

#ifndef COMMON_HTTP_SERVER_H_
#define COMMON_HTTP_SERVER_H_

#include <cstddef>
#include <memory>
#include <string>

#include "common/http/connection.h"
#include "common/http/limits.h"
#include "common/http/metrics.h"
#include "common/http/router.h"

namespace common {

struct HttpServerOptions {
  std::string name = "public";  // says which listener it is in logs
  std::string host = "0.0.0.0";
  int port = 0;  // 0: any free port

  std::size_t threads = kServerThreads;

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

  // Takes the port. Throws std::system_error, with host and port in what(), when it can't be had:
  // taken by another process (never shared with one), or not allowed.
  void bind();

  // The port in use, after bind().
  int port() const;

  // Serves from threads of its own, after bind(). Throws std::system_error when there can't be as
  // many, and serves nobody then.
  void start();

  // From here on every answer closes its connection, so that clients move to another replica.
  void start_draining();

  // Stops accepting, finishes the requests that run, closes idle connections and returns when all
  // threads have ended. Idempotent.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace common

#endif  // COMMON_HTTP_SERVER_H_
