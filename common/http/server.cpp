#include "common/http/server.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/fault_point.h"
#include "common/base/threads.h"
#include "common/http/body.h"
#include "common/http/connection.h"
#include "common/http/head.h"
#include "common/http/httplib_stream.h"
#include "common/http/limits.h"
#include "common/http/problem.h"
#include "common/http/router.h"
#include "common/http/tcp.h"
#include "common/log/log.h"

namespace common {
namespace {

using std::chrono::steady_clock;

// A connection as the library sees it: it reads a request line and an empty line, and nothing else
// of what the client sent. Headers, which its versions take in different and lenient ways, stay
// with us.
class RequestLineStream final : public HttplibStream {
 public:
  RequestLineStream(HttpConnection& connection, const std::string& request_line)
      : connection_(connection), head_(request_line + "\r\n") {}

  ssize_t write(const char* from, size_t size) override {
    return connection_.write({from, size}) ? static_cast<ssize_t>(size) : -1;
  }

 private:
  std::optional<std::string_view> receive() override {
    return std::exchange(was_read_, true) ? std::nullopt : std::optional<std::string_view>(head_);
  }

  HttpConnection& connection_;
  const std::string head_;
  bool was_read_ = false;
};

// One request and what becomes of it.
struct Exchange {
  HttpConnection& connection;
  bool head_is_too_large = false;
  RoutedRequest routed = {};
  bool expects_continue = false;
  bool close = false;            // the connection, after the answer
  bool has_unread_body = false;  // the client may be sending yet
  int status = 0;                // 0: there is no answer yet
  steady_clock::time_point start = steady_clock::now();
};

// The exchange of the connection that this thread serves: the library's hooks are the server's, not
// the connection's.
thread_local Exchange* exchange_of_thread = nullptr;

bool has_token(const std::vector<std::string_view>& values, std::string_view token) {
  return std::any_of(values.begin(), values.end(), [&](std::string_view value) {
    while (true) {
      const std::size_t comma = value.find(',');
      if (media_type(value.substr(0, comma)) == token) return true;
      if (comma == std::string_view::npos) return false;
      value.remove_prefix(comma + 1);
    }
  });
}

std::string usable_request_id(const HttpRequest& request) {
  const auto ids = request.header_values("X-Request-Id");
  const auto plain = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  const bool usable = ids.size() == 1 && !ids[0].empty() && ids[0].size() <= kMaxRequestIdBytes &&
                      std::all_of(ids[0].begin(), ids[0].end(), plain);
  return usable ? std::string(ids[0]) : new_request_id();
}

const char* explain(int status) {
  switch (status) {
    case 400:
      return "this is not an HTTP request that can be understood";
    case 414:
      return "the path is too long";
    case 431:
      return "the headers are too large or too many";
    default:
      return "the request was not accepted";
  }
}

// The path of a target in absolute form, http://host/path (RFC 9112, section 3.2.2), or as it is.
std::string path_of(const std::string& target) {
  constexpr std::string_view kScheme = "http://";
  if (!target.starts_with(kScheme)) return target;
  const std::size_t slash = target.find('/', kScheme.size());
  return slash == std::string::npos ? "/" : target.substr(slash);
}

// Gives the response to the library to be written.
void hand_over(HttpResponse response, bool is_http_1_0, httplib::Response& res) {
  res.status = response.status;
  for (const auto& [name, value] : response.headers) res.set_header(name, value);
  if (!response.next_chunk) {
    // NOLINTNEXTLINE(performance-move-const-arg,readability-redundant-string-cstr): newer versions
    res.set_content(std::move(response.body), response.content_type.c_str());
    return;
  }
  auto provider = [next = std::move(response.next_chunk)](std::size_t /*offset*/,
                                                          httplib::DataSink& sink) {
    try {
      const auto chunk = next();
      if (!chunk) {
        sink.done();
        return true;
      }
      return sink.write(chunk->data(), chunk->size());
    } catch (const std::exception& failure) {
      log_error("answer cut short", {{"error", failure.what()}});
      return false;
    }
  };
  if (is_http_1_0) {  // knows no chunks: the end of the connection is the end of the body
    res.set_content_provider(response.content_type, std::move(provider));
  } else {
    res.set_chunked_content_provider(response.content_type, std::move(provider));
  }
}

}  // namespace

class HttpServer::Impl : private httplib::Server {
 public:
  Impl(HttpServerOptions options, HttpMetrics& metrics)
      : router(metrics),
        options_(std::move(options)),
        connections_active_(metrics.connections_active(options_.name)),
        unmatched_(metrics.route("other", "other")) {
    // The library ends a streamed answer early when it has no listening socket. It never has one
    // here, and stop() lets answers end: any other value will do.
    svr_sock_ = 0;
    set_pre_routing_handler([this](const httplib::Request& req, httplib::Response& res) {
      answer(*exchange_of_thread, req, res);
      return HandlerResponse::Handled;
    });
    set_error_handler(HandlerWithResponse([](const httplib::Request&, httplib::Response& res) {
      return on_error(*exchange_of_thread, res);
    }));
    set_post_routing_handler([](const httplib::Request&, httplib::Response& res) {
      finish_headers(*exchange_of_thread, res);
    });
  }

  HttpRouter router;

  void bind() { listener_.emplace(options_.host, options_.port); }
  int port() const { return listener_->port(); }
  void start_draining() { draining_ = true; }

  void start() {
    // Held until all are there: nobody is served by a server that doesn't start.
    std::unique_lock starting(starting_mutex_);
    try {
      start_threads(threads_, options_.threads, "connections", [this] {
        { const std::lock_guard all_are_there(starting_mutex_); }
        while (auto connection = listener_->accept()) serve(std::move(*connection));
      });
    } catch (...) {
      listener_->shut_down();  // before those that are there begin to accept
      starting.unlock();
      stop();
      throw;
    }
  }

  void stop() {
    draining_ = true;
    if (listener_) listener_->shut_down();
    stop_.raise();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  void serve(TcpConnection connection) {
    ++active_;
    connections_active_.Increment();
    HttpConnection http(std::move(connection), options_.limits, stop_);
    while (http.wait_for_request() && serve_request(http)) {
    }
    connections_active_.Decrement();
    --active_;
  }

  // Whether the connection goes on.
  bool serve_request(HttpConnection& connection) {
    Exchange exchange{.connection = connection};
    exchange_of_thread = &exchange;
    // An empty request line, which the library refuses, stands for a head that is refused.
    std::string request_line = "\r\n";
    connection.begin_head();
    auto head = read_head([&] { return connection.read_head_line(); });
    if (auto* complete = std::get_if<RequestHead>(&head)) {
      request_line = std::move(complete->request_line);
      take_headers(exchange, std::move(complete->headers));
    } else if (std::get<HeadError>(head) == HeadError::kTooManyHeaders ||
               connection.head_is_too_large()) {
      exchange.head_is_too_large = true;
    } else if (std::get<HeadError>(head) == HeadError::kIncomplete) {
      return false;
    }
    connection.begin_body();
    RequestLineStream stream(connection, request_line);
    const bool complete = process(stream);
    record(exchange);
    fault_point("before-answer", options_.name);
    if (!connection.flush() || !complete) return false;
    fault_point("after-answer", options_.name);
    if (!exchange.close) return true;
    // Not after every answer: it holds the thread until the client closes too.
    if (exchange.has_unread_body || connection.has_input()) connection.close_lingering();
    return false;
  }

  // The library's own way to read one request and answer it; its parameters grew with time.
  template <typename Stream>
  bool process(Stream& stream) {
    bool unused = false;  // whether the library would close the connection
    if constexpr (requires { this->process_request(stream, false, unused, nullptr); }) {
      return this->process_request(stream, false, unused, nullptr);
    } else {
      return this->process_request(stream, "", 0, "", 0, false, unused, nullptr);
    }
  }

  static void take_headers(Exchange& exchange, HttpHeaders headers) {
    HttpRequest& request = exchange.routed.request;
    request.headers = std::move(headers);
    request.request_id = usable_request_id(request);
    exchange.close = has_token(request.header_values("Connection"), "close");
    exchange.expects_continue = has_token(request.header_values("Expect"), "100-continue");
    exchange.routed.framing = read_framing(request.headers);
    exchange.routed.read_body = [&exchange](char* to, std::size_t size) {
      // Only now, so that nobody is asked to send a body that is not wanted.
      if (std::exchange(exchange.expects_continue, false)) {
        exchange.connection.write("HTTP/1.1 100 Continue\r\n\r\n");
      }
      return exchange.connection.read(to, size);
    };
  }

  void answer(Exchange& exchange, const httplib::Request& req, httplib::Response& res) {
    fault_point("after-request", options_.name);
    RoutedRequest& routed = exchange.routed;
    const bool is_http_1_0 = req.version == "HTTP/1.0";
    routed.request.method = req.method;
    routed.request.path = path_of(req.path);
    exchange.expects_continue = exchange.expects_continue && !is_http_1_0;
    // RFC 9112, section 3.2.
    if (!is_http_1_0 && routed.request.header_values("Host").size() != 1) {
      res.status = 400;  // on_error() makes the answer
      return;
    }
    HttpResponse response = router.answer(routed);
    exchange.status = response.status;
    exchange.has_unread_body =
        !routed.framing || (routed.framing->has_body() && !routed.body_was_read);
    exchange.close =
        exchange.close || is_http_1_0 || exchange.has_unread_body || is_wanted_elsewhere();
    hand_over(std::move(response), is_http_1_0, res);
  }

  // Whether this thread had better serve another connection, or none.
  bool is_wanted_elsewhere() const {
    return draining_ || (active_ == options_.threads && listener_->has_waiting());
  }

  // Called for every status of 400 and over. Gives the library's own errors the form that all
  // errors have; after those, nobody knows where the next request would begin.
  static HandlerResponse on_error(Exchange& exchange, httplib::Response& res) {
    if (exchange.status != 0) return HandlerResponse::Unhandled;
    exchange.status = exchange.head_is_too_large ? 431 : res.status;
    exchange.close = exchange.has_unread_body = true;
    std::string& request_id = exchange.routed.request.request_id;
    if (request_id.empty()) request_id = new_request_id();
    hand_over(to_response({.status = exchange.status, .detail = explain(exchange.status)}), false,
              res);
    return HandlerResponse::Handled;
  }

  static void finish_headers(const Exchange& exchange, httplib::Response& res) {
    for (const char* name : {"Accept-Ranges", "Connection", "Keep-Alive"}) res.headers.erase(name);
    if (exchange.close) res.set_header("Connection", "close");
    res.set_header("X-Request-Id", exchange.routed.request.request_id);
  }

  // Before a small answer leaves, so that a client that has it finds it counted.
  void record(const Exchange& exchange) {
    const HttpRequest& request = exchange.routed.request;
    const std::chrono::duration<double, std::milli> took = steady_clock::now() - exchange.start;
    HttpMetrics::Route* metrics = exchange.routed.metrics;
    (metrics == nullptr ? unmatched_ : *metrics).observe(exchange.status, took);
    const RequestIdScope scope(request.request_id);
    log_event(options_.quiet ? LogLevel::kDebug : LogLevel::kInfo, "request",
              {{"method", request.method},
               {"path", request.path},
               {"status", exchange.status},
               {"duration_ms", took.count()}});
  }

  const HttpServerOptions options_;
  prometheus::Gauge& connections_active_;
  HttpMetrics::Route unmatched_;
  std::optional<TcpListener> listener_;
  StopSignal stop_;
  std::atomic<bool> draining_ = false;
  std::atomic<std::size_t> active_ = 0;  // connections that hold a thread
  std::mutex starting_mutex_;
  std::vector<std::thread> threads_;
};

HttpServer::HttpServer(HttpServerOptions options, HttpMetrics& metrics)
    : impl_(std::make_unique<Impl>(std::move(options), metrics)) {}

HttpServer::~HttpServer() { stop(); }

HttpRouter& HttpServer::router() { return impl_->router; }
void HttpServer::bind() { impl_->bind(); }
int HttpServer::port() const { return impl_->port(); }
void HttpServer::start() { impl_->start(); }
void HttpServer::start_draining() { impl_->start_draining(); }
void HttpServer::stop() { impl_->stop(); }

}  // namespace common
