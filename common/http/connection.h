// One connection of the HTTP server: a coroutine that reads a request, lets a worker handle it,
// writes the response, and starts again. docs/http.md follows a request.
//
// All functions run on the I/O thread of the listener, and must not block. Only handlers and
// next_chunk run on workers.

#ifndef COMMON_HTTP_CONNECTION_H_
#define COMMON_HTTP_CONNECTION_H_

#include <array>
#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/worker_pool.h"
#include "common/http/buffered_bytes.h"
#include "common/http/head_parser.h"
#include "common/http/limits.h"
#include "common/http/metrics.h"
#include "common/http/response_writer.h"
#include "common/http/router.h"
#include "common/http/turns.h"

namespace common {

class HttpConnection;

// A body that several responses share. It counts once, until the last of them is written.
struct SharedOutput {
  SharedOutput(std::size_t& total, std::shared_ptr<const std::string> shared)
      : body(std::move(shared)), bytes(total) {
    bytes.set(body->size());
  }
  const std::shared_ptr<const std::string> body;
  BufferedBytes bytes;
};

// What the connections of a listener share. Other threads may use only `is_draining` and the
// constants.
struct HttpListener {
  const std::string name;
  const bool quiet;
  const HttpConnectionLimits limits;
  HttpRouter& router;
  HttpMetrics::Route unmatched;  // for requests without a route
  WorkerPool& workers;

  std::atomic<bool> is_draining = false;  // connections are closed after their next response
  bool is_stopping = false;               // connections without a request are closed

  // Each connection is in one of these lists. The longest wait is first.
  std::list<HttpConnection> waiting = {};  // for a complete request
  std::list<HttpConnection> busy = {};
  std::list<HttpConnection> stalled = {};    // for the client to read a part of a response
  std::list<HttpConnection> streaming = {};  // for the next chunk of await_chunk
  std::list<HttpConnection> closed = {};     // until their coroutine ends

  std::array<std::list<HttpConnection>*, 4> open_lists() {
    return {&waiting, &busy, &stalled, &streaming};
  }

  Turns pipelining = {};  // of connections that have received their next request already

  ResponseWriter writer = {};
  std::array<char, 8 * 1024> received = {};
  std::size_t input_bytes = 0;   // of requests; see kMaxBufferedBytes
  std::size_t output_bytes = 0;  // of responses

  // Counts a shared body as long as the result lives.
  std::shared_ptr<const SharedOutput> share_output(std::shared_ptr<const std::string> body) {
    auto shared = last_shared_output.lock();
    if (!shared || shared->body != body) {
      shared = std::make_shared<const SharedOutput>(output_bytes, std::move(body));
      last_shared_output = shared;
    }
    return shared;
  }
  std::weak_ptr<const SharedOutput> last_shared_output = {};
};

class HttpConnection {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  // The socket must be non-blocking. The caller puts the connection into `waiting` and calls
  // set_self().
  HttpConnection(asio::ip::tcp::socket socket, HttpListener& listener)
      : socket_(std::move(socket)), listener_(listener) {}
  ~HttpConnection() = default;
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  void set_self(std::list<HttpConnection>::iterator self) { self_ = self; }

  // Serves requests until the connection ends.
  asio::awaitable<void> serve();

  // Ends the current wait for the client if the deadline has passed.
  void check_deadline(SteadyTime now);
  // Shortens the wait for a request. Only while the connection is in `waiting`.
  void limit_wait(SteadyTime now) {
    if (part_ == Part::kBody) return;  // the request is finished
    deadline_ = std::min(deadline_, now + (part_ == Part::kHead ? kStopHeadTimeout : kStopGrace));
  }
  // Closes the connection at once, and moves it to `closed`. A response that is being written is
  // lost.
  void close();
  // Destroys the connection. Only after the coroutine has ended.
  void remove() { list_->erase(self_); }

 private:
  struct Exchange;
  struct NextChunk;
  enum class Part { kNone, kHead, kBody };

  asio::awaitable<bool> serve_request();  // whether the connection stays open
  // False if no head comes.
  asio::awaitable<bool> read_head(Exchange& exchange);
  static void accept_head(Exchange& exchange);
  // Reads the body into the request, or returns the error response.
  asio::awaitable<std::optional<HttpResponse>> read_body(Exchange& exchange);
  asio::awaitable<HttpResponse> call_handler(Exchange& exchange);
  asio::awaitable<bool> respond(Exchange& exchange, HttpResponse& response);
  asio::awaitable<NextChunk> next_chunk(const Exchange& exchange, const HttpResponse& response);
  asio::awaitable<bool> write_chunks(Exchange& exchange, const HttpResponse& response);
  void record(const Exchange& exchange, int status);

  // Appends to input_. False if the client has closed, or the deadline has passed.
  asio::awaitable<bool> receive();
  // Writes both, one after the other. False if the connection is broken, or the client reads too
  // slowly.
  asio::awaitable<bool> write(std::string_view first, std::string_view second = {});
  asio::awaitable<void> close_lingering();

  std::string_view unread() const { return std::string_view(input_).substr(read_); }
  void consume(std::size_t count);
  void move_to(std::list<HttpConnection>& list);
  // Counts the bytes that are to be sent. At the limit, the longest stalled clients are cut off.
  void count_output(std::size_t bytes, std::shared_ptr<const std::string> shared_body = {});
  void set_timeout(std::chrono::milliseconds timeout);
  void clear_timeout() { deadline_ = SteadyTime::max(); }

  asio::ip::tcp::socket socket_;
  HttpListener& listener_;
  std::list<HttpConnection>* list_ = &listener_.waiting;
  std::list<HttpConnection>::iterator self_ = {};
  SteadyTime deadline_ = SteadyTime::max();
  SteadyTime stalled_since_ = {};  // while in `stalled`
  bool has_expired_ = false;
  Part part_ = Part::kNone;     // of a request that is being received
  bool is_pipelining_ = false;  // the current request was received before the previous response
  BufferedBytes output_{listener_.output_bytes};
  std::shared_ptr<const SharedOutput> shared_output_ = {};
  std::string input_;     // received
  std::size_t read_ = 0;  // bytes of it that were consumed
};

}  // namespace common

#endif  // COMMON_HTTP_CONNECTION_H_
