#include "common/http/server.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <exception>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/threads.h"
#include "common/base/worker_pool.h"
#include "common/http/connection.h"
#include "common/log/log.h"

namespace common {
namespace {

using asio::ip::tcp;
using std::chrono::steady_clock;
using WorkGuard = asio::executor_work_guard<asio::io_context::executor_type>;

// Whether no connection can be accepted until others are closed. Compares errno: the error codes of
// Asio do not compare with std::errc.
bool is_shortage(const asio::error_code& error) {
  const int number = error.value();
  return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

void listen(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  acceptor.open(endpoint.protocol());
  if (endpoint.protocol() == tcp::v6()) acceptor.set_option(asio::ip::v6_only(false));
  // Not SO_REUSEPORT, with which two processes would share the port without an error.
  acceptor.set_option(tcp::acceptor::reuse_address(true));
  acceptor.bind(endpoint);
  acceptor.non_blocking(true);
  acceptor.listen(kBacklog);
}

bool has_ipv6(asio::io_context& io) {
  asio::error_code error;
  tcp::acceptor probe(io);
  probe.open(tcp::v6(), error);
  if (!error) probe.bind({asio::ip::address_v6::any(), 0}, error);
  return !error;
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(HttpServerOptions options, HttpMetrics& metrics)
      : router(metrics),
        options_(std::move(options)),
        connections_active_(metrics.connections_active(options_.name)),
        listener_{.name = options_.name,
                  .quiet = options_.quiet,
                  .limits = options_.limits,
                  .router = router,
                  .unmatched = metrics.route("other", "other"),
                  .workers = workers_} {
    listener_.unmatched.expect({400, 404, 405, 414, 431, 501, 505});
  }

  HttpRouter router;

  void bind() {
    std::string host = options_.host;
    if (host.empty()) host = has_ipv6(io_) ? "::" : "0.0.0.0";
    try {
      const auto address = asio::ip::make_address(host);
      listen(acceptor_, {address, static_cast<asio::ip::port_type>(options_.port)});
      port_ = acceptor_.local_endpoint().port();
    } catch (const std::system_error& error) {
      if (host.find(':') != std::string::npos) host = '[' + host + ']';
      throw std::system_error(error.code().value(), std::generic_category(),
                              "can't listen on " + host + ':' + std::to_string(options_.port));
    }
  }

  int port() const { return port_; }
  WorkerPool::Load load() const { return workers_.load(); }

  void start_draining() { listener_.is_draining = true; }

  void start() {
    has_started_ = true;
    try {
      workers_.start(options_.workers, "requests");
      start_threads(io_threads_, 1, "connections", [this] { io_.run(); });
    } catch (...) {
      stop();
      throw;
    }
    // Only now: if a thread cannot be started, no client has been served.
    asio::co_spawn(io_, accept_connections(), asio::detached);
    asio::co_spawn(io_, check_deadlines(), asio::detached);
  }

  void stop() {
    if (!std::exchange(has_started_, false)) return;
    asio::post(io_, [this] { begin_stop(); });
    for (std::thread& thread : io_threads_) thread.join();
    workers_.stop();
  }

 private:
  // ---- On the I/O thread ----

  // Waits for a connection before it accepts one: without a free descriptor, accepting fails also
  // when there is none.
  asio::awaitable<void> accept_connections() {
    asio::steady_timer pause(io_);
    while (acceptor_.is_open()) {
      asio::error_code error;
      co_await acceptor_.async_wait(tcp::acceptor::wait_read,
                                    asio::redirect_error(asio::use_awaitable, error));
      if (!error) error = accept_up_to(kAcceptedAtOnce);
      if (is_shortage(error)) {
        note_shortage(error);
        for (int i = 0; i < kClosedAtShortage && close_one(); ++i) {
        }
        pause.expires_after(kAcceptPause);
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
      }
    }
  }

  // Accepts the connections that wait, but not more than this. Returns the error if none could be
  // accepted. Without a free descriptor, accepting fails also when none waits: that is no shortage
  // if one was accepted before.
  asio::error_code accept_up_to(int count) {
    asio::error_code error;
    for (int i = 0; i < count; ++i) {
      tcp::socket socket(io_);
      acceptor_.accept(socket, error);
      if (error) return i == 0 ? error : asio::error_code();
      add(std::move(socket));
    }
    return error;
  }

  void add(tcp::socket socket) {
    while (is_full() && close_one()) {
    }
    asio::error_code error;
    socket.non_blocking(true, error);
    if (error || is_full()) return;  // closes it
    socket.set_option(tcp::no_delay(true), error);
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kMaxUnsentBytes,
                 sizeof kMaxUnsentBytes);
    HttpConnection& connection = listener_.waiting.emplace_back(std::move(socket), listener_);
    connection.set_self(std::prev(listener_.waiting.end()));
    connections_active_.Increment();
    asio::co_spawn(io_, connection.serve(), [this, &connection](const std::exception_ptr& failure) {
      if (failure) log_failure(failure);
      connection.remove();
      connections_active_.Decrement();
      end_stop_if_unused();
    });
  }

  bool is_full() {
    std::size_t open = 0;
    for (const auto* list : listener_.open_lists()) open += list->size();
    return open >= options_.max_connections;
  }

  // Closes the connection that has been without a request for longest; if all have one, the one
  // that has not read its response for longest; if all read, the one that has waited longest for a
  // chunk of await_chunk. False if there is none.
  bool close_one() {
    for (auto* list : {&listener_.waiting, &listener_.stalled, &listener_.streaming}) {
      if (list->empty()) continue;
      list->front().close();
      return true;
    }
    return false;
  }

  // Logs once when a shortage begins and once when it has ended.
  void note_shortage(const asio::error_code& error) {
    if (!last_shortage_) {
      log_warn("cannot accept connections; idle ones are closed",
               {{"listener", options_.name}, {"error", error.message()}});
    }
    last_shortage_ = steady_clock::now();
  }
  void note_recovery(steady_clock::time_point now) {
    if (!last_shortage_ || now < *last_shortage_ + kAcceptRecovery) return;
    last_shortage_.reset();
    log_info("accepts connections again", {{"listener", options_.name}});
  }

  asio::awaitable<void> check_deadlines() {
    while (!has_ended_) {
      timer_.expires_after(kDeadlineCheck);
      asio::error_code cancelled;
      co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
      const auto now = steady_clock::now();
      note_recovery(now);
      for (auto* list : listener_.open_lists()) {
        for (HttpConnection& connection : *list) connection.check_deadline(now);
      }
      if (now >= stop_until_) cut_all();
    }
  }

  void begin_stop() {
    listener_.is_draining = listener_.is_stopping = true;
    // The kernel has accepted these connections already, so their clients may have sent a request.
    accept_up_to(kBacklog);
    asio::error_code ignored;
    acceptor_.close(ignored);
    const auto now = steady_clock::now();
    stop_until_ = now + options_.limits.stop_timeout;
    for (HttpConnection& connection : listener_.waiting) connection.limit_wait(now);
    end_stop_if_unused();
  }

  void cut_all() {
    for (auto* list : listener_.open_lists()) {
      while (!list->empty()) list->front().close();
    }
  }

  void end_stop_if_unused() {
    if (!listener_.is_stopping || has_ended_) return;
    for (const auto* list : listener_.open_lists()) {
      if (!list->empty()) return;
    }
    if (!listener_.closed.empty()) return;
    has_ended_ = true;
    timer_.cancel();
    io_guard_.reset();  // run() returns when the coroutines have ended
  }

  void log_failure(const std::exception_ptr& failure) const {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      log_error("connection failed", {{"listener", options_.name}, {"error", error.what()}});
    }
  }

  const HttpServerOptions options_;
  prometheus::Gauge& connections_active_;

  asio::io_context io_{1};  // run by one thread
  WorkGuard io_guard_ = asio::make_work_guard(io_);
  WorkerPool workers_;

  tcp::acceptor acceptor_{io_};
  int port_ = 0;
  asio::steady_timer timer_{io_};
  HttpListener listener_;
  std::optional<steady_clock::time_point> last_shortage_;
  steady_clock::time_point stop_until_ = steady_clock::time_point::max();
  bool has_ended_ = false;

  bool has_started_ = false;
  std::vector<std::thread> io_threads_;
};

HttpServer::HttpServer(HttpServerOptions options, HttpMetrics& metrics)
    : impl_(std::make_unique<Impl>(std::move(options), metrics)) {}

HttpServer::~HttpServer() { stop(); }

HttpRouter& HttpServer::router() { return impl_->router; }
void HttpServer::bind() { impl_->bind(); }
int HttpServer::port() const { return impl_->port(); }
WorkerPool::Load HttpServer::load() const { return impl_->load(); }
void HttpServer::start() { impl_->start(); }
void HttpServer::start_draining() { impl_->start_draining(); }
void HttpServer::stop() { impl_->stop(); }

}  // namespace common
