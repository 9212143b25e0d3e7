// The HTTP/1.1 server of both services: cpp-httplib with every limit set on purpose and the
// differences between its versions evened out. The only file on the server side that knows it.
//
// Each connection holds one thread of a fixed pool for as long as it is kept alive; connections
// over the pool wait in a bounded queue. Every answer carries X-Request-Id, and every request is
// logged and counted.
//
// Thread-safety: add routes and bind from one thread before start(); port(), is_draining() and
// stop() from any.

#ifndef COMMON_HTTP_SERVER_H_
#define COMMON_HTTP_SERVER_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/http.h"
#include "common/http_metrics.h"

namespace common {

struct HttpServerOptions {
  std::string name = "public";  // says which listener it is in logs
  std::string host = "0.0.0.0";
  int port = 0;  // 0: any free port

  // Connections served at one time. Costs a thread each.
  std::size_t threads = 64;

  // Accepted connections that may wait for a thread; over that, the server stops accepting and they
  // wait in the kernel's backlog.
  std::size_t max_queued_connections = 256;

  // A kept-alive connection without a request is closed after this. Short: it holds a thread.
  std::chrono::seconds keep_alive_idle{2};

  // One read or write that makes no progress for this long ends the connection.
  std::chrono::seconds read_timeout{5};
  std::chrono::seconds write_timeout{5};

  // A body that is not complete after this ends the connection.
  std::chrono::seconds body_timeout{10};

  // Requests to this listener are logged at debug level instead of info: probes and scrapes.
  bool quiet = false;
};

// What a route says of request bodies.
struct BodyRule {
  std::size_t max_bytes = 16 * 1024;  // over that: 413, connection closed
  bool json_required = false;         // a body that is not application/json: 415
};

class HttpServer {
 public:
  // `metrics` must outlive the server.
  HttpServer(HttpServerOptions options, HttpMetrics& metrics);
  ~HttpServer();  // stops

  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // GET also serves HEAD. The path is compared whole. What a handler throws becomes 500, logged.
  void get(const std::string& path, HttpHandler handler);
  void post(const std::string& path, BodyRule rule, HttpHandler handler);

  // Asked before the route and before the body is read, with an empty body; an answer ends the
  // request there. For authentication.
  void set_guard(std::function<std::optional<HttpResponse>(const HttpRequest&)> guard);

  // Takes the port. Throws std::system_error, with host and port in what(), when it can't be had:
  // taken by another process (never shared with one), or not allowed.
  void bind();

  // The port in use, after bind().
  int port() const;

  // Serves from threads of its own, after bind().
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
