#include "common/http/connection.h"

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <exception>
#include <span>
#include <utility>

#include "common/base/ascii.h"
#include "common/base/fault_point.h"
#include "common/base/random.h"
#include "common/http/await_call.h"
#include "common/http/body_parser.h"
#include "common/http/buffered_bytes.h"
#include "common/http/problem.h"
#include "common/log/log.h"

namespace common {
namespace {

using asio::ip::tcp;
using std::chrono::steady_clock;

RequestContext read_context(const HttpRequest& request) {
  TraceContext trace =
      receive_trace(request.header_values("traceparent"), request.header_values("tracestate"));
  const auto ids = request.header_values("X-Request-Id");
  const bool usable = ids.size() == 1 && !ids[0].empty() && ids[0].size() <= kMaxRequestIdBytes &&
                      std::all_of(ids[0].begin(), ids[0].end(), is_id_character);
  if (usable) return {.request_id = std::string(ids[0]), .trace = std::move(trace)};
  // A trace of the client can have many requests.
  std::string id = trace.parent_span_id.empty() ? std::string(trace.trace_id()) : random_hex(16);
  return {.request_id = std::move(id), .trace = std::move(trace)};
}

HttpResponse explain(const ParseError& error, const std::string& more = {}) {
  return to_response({.status = error.status, .detail = std::string(error.detail) + more});
}

HttpResponse overloaded() {
  HttpResponse response = to_response({.status = 503, .detail = "too many requests in progress"});
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace

// No condition has a co_await: g++ 12 compiles some of them wrongly (GCC bug 106188).

// One request and its response.
struct HttpConnection::Exchange {
  explicit Exchange(HttpListener& listener)
      : head(listener.limits.max_head_bytes), input(listener.input_bytes) {}

  HeadParser head;
  HttpRequest request = {};
  BodyFraming framing = {};
  std::size_t head_bytes = 0;
  bool is_http_1_0 = false;
  bool expects_continue = false;
  HttpRouter::Route* route = nullptr;
  bool close = false;            // the connection, after the response
  bool has_unread_body = false;  // the client may still be sending
  BufferedBytes input;
  SteadyTime start = {};  // the end of the head
};

asio::awaitable<void> HttpConnection::serve() {
  bool goes_on = true;
  while (goes_on) {
    goes_on = co_await serve_request();
    is_pipelining_ = !unread().empty();
    // Others come first, also if no request needs a worker.
    if (is_pipelining_) co_await listener_.pipelining.wait();
  }
}

asio::awaitable<bool> HttpConnection::serve_request() {
  Exchange exchange(listener_);
  const bool has_head = co_await read_head(exchange);
  if (!has_head) co_return false;
  if (exchange.head.state() == ParseState::kMalformed) {
    // Nobody knows where the next request begins.
    exchange.close = exchange.has_unread_body = true;
    exchange.request.context = new_request_context();
    HttpResponse response = explain(exchange.head.error());
    co_return co_await respond(exchange, response);
  }
  accept_head(exchange);
  auto match = listener_.router.match(exchange.request, exchange.framing.has_body());
  exchange.route = match.route;
  std::optional<HttpResponse> response = std::move(match.refusal);
  if (!response) response = co_await read_body(exchange);
  move_to(listener_.busy);
  if (!response) response = HttpRouter::answer_now(*exchange.route, exchange.request);
  if (!response) response = co_await call_handler(exchange);
  co_return co_await respond(exchange, *response);
}

asio::awaitable<bool> HttpConnection::read_head(Exchange& exchange) {
  HeadParser& parser = exchange.head;
  move_to(listener_.waiting);
  part_ = Part::kNone;
  set_timeout(listener_.is_stopping ? kStopGrace : listener_.limits.idle_timeout);
  while (true) {
    consume(parser.feed(unread()));
    if (parser.state() != ParseState::kNeedMore) break;
    if (parser.has_begun() && std::exchange(part_, Part::kHead) == Part::kNone) {
      move_to(listener_.waiting);  // to its end: an idle connection is closed before this one
      set_timeout(listener_.is_stopping ? kStopHeadTimeout : listener_.limits.head_timeout);
    }
    exchange.input.set(parser.size());
    if (exchange.input.exceeds(listener_.limits.max_buffered_bytes)) co_return false;
    const bool has_more = co_await receive();
    if (!has_more) co_return false;
  }
  exchange.head_bytes = parser.size();
  exchange.start = steady_clock::now();
  part_ = Part::kBody;
  move_to(listener_.waiting);
  clear_timeout();
  co_return true;
}

void HttpConnection::accept_head(Exchange& exchange) {
  RequestHead head = exchange.head.take_head();
  HttpRequest& request = exchange.request;
  request.method = std::move(head.method);
  request.path = std::move(head.target.path);
  request.query = std::move(head.target.query);
  request.headers = std::move(head.headers);
  request.context = read_context(request);
  exchange.is_http_1_0 = head.is_http_1_0;
  exchange.framing = head.framing;
  exchange.has_unread_body = head.framing.has_body();
  exchange.expects_continue = !head.is_http_1_0 && request.has_token("Expect", "100-continue");
  exchange.close = head.is_http_1_0 || request.has_token("Connection", "close");
}

asio::awaitable<std::optional<HttpResponse>> HttpConnection::read_body(Exchange& exchange) {
  if (!exchange.route->reads_body || !exchange.framing.has_body()) co_return std::nullopt;
  BodyParser parser(exchange.framing, exchange.route->body_rule.max_bytes);
  if (exchange.expects_continue && parser.state() == ParseState::kNeedMore) {
    co_await write("HTTP/1.1 100 Continue\r\n\r\n");  // if it fails, so does the next read
  }
  set_timeout(listener_.limits.body_timeout);
  while (true) {
    consume(parser.feed(unread()));
    exchange.input.set(exchange.head_bytes + parser.size());
    if (exchange.input.exceeds(listener_.limits.max_buffered_bytes)) {
      exchange.input.set(0);
      co_return overloaded();
    }
    if (parser.state() != ParseState::kNeedMore) break;
    const bool has_more = co_await receive();
    if (!has_more) {
      co_return has_expired_
          ? to_response({.status = 408, .detail = "the body was not complete in time"})
          : to_response({.status = 400, .detail = "the body is incomplete"});
    }
  }
  clear_timeout();
  if (parser.state() == ParseState::kMalformed) {
    const std::string limit = std::to_string(exchange.route->body_rule.max_bytes);
    co_return explain(parser.error(),
                      parser.error().status == 413 ? "; the limit is " + limit + " bytes" : "");
  }
  exchange.has_unread_body = false;
  exchange.request.body = parser.take_body();
  co_return std::nullopt;
}

asio::awaitable<HttpResponse> HttpConnection::call_handler(Exchange& exchange) {
  // Requests that cost much memory, and those of clients that send the next one before they have a
  // response, keep others waiting for one worker only.
  const bool is_large = exchange.request.body.size() > kMaxBodyBytes;
  const auto lane =
      is_large || is_pipelining_ ? WorkerPool::Lane::kOneAtATime : WorkerPool::Lane::kShared;
  co_return co_await await_call<HttpResponse>([&](auto resume) {
    const auto added = steady_clock::now();
    listener_.workers.add(lane, [this, &exchange, added, resume = std::move(resume)] {
      if (steady_clock::now() - added > listener_.limits.worker_wait) return resume(overloaded());
      fault_point("after-request", listener_.name);
      HttpRouter::answer(*exchange.route, exchange.request, resume);
    });
  });
}

asio::awaitable<bool> HttpConnection::respond(Exchange& exchange, HttpResponse& response) {
  exchange.close = exchange.close || exchange.has_unread_body || listener_.is_draining;
  record(exchange, response.status);
  const ResponseContext context{.to_head = exchange.request.method == "HEAD",
                                .is_http_1_0 = exchange.is_http_1_0,
                                .close = exchange.close,
                                .request_id = exchange.request.context.request_id};
  const std::string bytes = listener_.writer.write(response, context);
  if (context.to_head) response.shared_body = {};
  exchange.request.body = {};
  fault_point("before-answer", listener_.name);
  has_expired_ = false;  // the deadline of the body does not end the writing
  count_output(bytes.size(), response.shared_body);
  const std::string_view shared = response.shared_body ? *response.shared_body : std::string_view();
  const bool is_written = co_await write(bytes, shared);
  if (!is_written) co_return false;
  if (response.is_streamed() && !context.to_head) {
    const bool is_complete = co_await write_chunks(exchange, response);
    if (!is_complete) {
      // A reset tells the client that the response is incomplete, also with HTTP/1.0.
      asio::error_code ignored;
      socket_.set_option(asio::socket_base::linger(true, 0), ignored);
      socket_.close(ignored);
      co_return false;
    }
  }
  count_output(0);
  fault_point("after-answer", listener_.name);
  if (!exchange.close) co_return true;
  co_await close_lingering();
  co_return false;
}

struct HttpConnection::NextChunk {
  bool has_failed = false;
  std::optional<std::string> chunk = {};
};

asio::awaitable<HttpConnection::NextChunk> HttpConnection::next_chunk(
    const Exchange& exchange, const HttpResponse& response) {
  if (response.await_chunk) {
    move_to(listener_.streaming);
    NextChunk next = co_await await_call<NextChunk>([&](auto resume) {
      response.await_chunk([resume = std::move(resume)](std::optional<std::string> chunk) {
        NextChunk arrived{.chunk = std::move(chunk)};
        resume(std::move(arrived));
      });
    });
    move_to(listener_.busy);
    co_return next;
  }
  co_return co_await await_call<NextChunk>([&](auto resume) {
    listener_.workers.add(WorkerPool::Lane::kShared, [&, resume = std::move(resume)] {
      const RequestContext context = exchange.request.context;  // ends with `resume`
      const RequestScope scope(context);
      try {
        resume({.chunk = response.next_chunk()});
      } catch (const std::exception& failure) {
        log_error("response cut short", {{"error", failure.what()}});
        resume({.has_failed = true});
      }
    });
  });
}

asio::awaitable<bool> HttpConnection::write_chunks(Exchange& exchange,
                                                   const HttpResponse& response) {
  while (true) {
    NextChunk next = co_await next_chunk(exchange, response);
    if (next.has_failed) co_return false;
    const bool is_last = !next.chunk;
    if (!is_last && next.chunk->empty()) continue;  // an empty chunk would end the body
    std::string chunk = std::move(next.chunk).value_or("");
    if (!exchange.is_http_1_0) chunk = frame_chunk(chunk);
    count_output(chunk.size());
    const bool is_written = co_await write(chunk);
    if (is_last || !is_written) co_return is_written;
  }
}

// Called before the response is sent, so that a client that has the response finds it counted.
void HttpConnection::record(const Exchange& exchange, int status) {
  const HttpRequest& request = exchange.request;
  const std::chrono::duration<double, std::milli> took = steady_clock::now() - exchange.start;
  (exchange.route == nullptr ? listener_.unmatched : exchange.route->metrics).observe(status, took);
  const RequestScope scope(request.context);
  const TraceContext& trace = request.context.trace;
  const std::array<LogField, 6> fields = {{{"method", request.method},
                                           {"path", request.path},
                                           {"status", status},
                                           {"duration_ms", took.count()},
                                           {"parent_span_id", trace.parent_span_id},
                                           {"tracestate", trace.tracestate}}};
  const std::size_t count = trace.parent_span_id.empty() ? 4 : trace.tracestate.empty() ? 5 : 6;
  log_event(listener_.quiet ? LogLevel::kDebug : LogLevel::kInfo, "request",
            std::span(fields).first(count));
}

asio::awaitable<bool> HttpConnection::receive() {
  asio::error_code error;
  while (!has_expired_) {
    co_await socket_.async_wait(tcp::socket::wait_read,
                                asio::redirect_error(asio::use_awaitable, error));
    if (error || has_expired_) co_return false;
    // All connections share one buffer, so waiting ones need no memory for it.
    const std::size_t count = socket_.read_some(asio::buffer(listener_.received), error);
    if (error == asio::error::would_block || error == asio::error::interrupted) continue;
    if (error) co_return false;
    input_.append(listener_.received.data(), count);
    co_return true;
  }
  co_return false;
}

asio::awaitable<bool> HttpConnection::write(std::string_view first, std::string_view second) {
  asio::error_code error;
  while (!first.empty() || !second.empty()) {
    std::size_t piece = std::min(kWriteStallBytes, first.size() + second.size());
    set_timeout(listener_.limits.write_stall);
    while (piece > 0) {
      const std::string_view begin = first.substr(0, piece);
      const std::array buffers = {asio::buffer(begin),
                                  asio::buffer(second.substr(0, piece - begin.size()))};
      const std::size_t count = socket_.write_some(buffers, error);
      piece -= count;
      first.remove_prefix(std::min(count, begin.size()));
      second.remove_prefix(count - std::min(count, begin.size()));
      if (error == asio::error::would_block) {
        if (list_ != &listener_.stalled) {
          move_to(listener_.stalled);
          stalled_since_ = steady_clock::now();
        }
        co_await socket_.async_wait(tcp::socket::wait_write,
                                    asio::redirect_error(asio::use_awaitable, error));
        if (has_expired_) co_return false;
      }
      if (error && error != asio::error::interrupted) co_return false;
    }
    if (list_ == &listener_.stalled) move_to(listener_.busy);
  }
  clear_timeout();
  co_return true;
}

asio::awaitable<void> HttpConnection::close_lingering() {
  asio::error_code error;
  socket_.shutdown(tcp::socket::shutdown_send, error);
  if (error) co_return;
  set_timeout(kLingerTimeout);
  // The first to be closed if connections are needed: its response is written.
  move_to(listener_.waiting);
  listener_.waiting.splice(listener_.waiting.begin(), listener_.waiting, self_);
  bool has_more = true;
  while (has_more) {
    consume(unread().size());
    has_more = co_await receive();
  }
}

void HttpConnection::check_deadline(SteadyTime now) {
  if (now < deadline_) return;
  asio::error_code ignored;
  // The client has sent something, but this thread was too late to read it: it does so next.
  if (part_ == Part::kNone && socket_.available(ignored) > 0) return;
  clear_timeout();
  has_expired_ = true;
  socket_.cancel(ignored);
}

void HttpConnection::close() {
  move_to(listener_.closed);
  clear_timeout();
  output_.set(0);
  shared_output_.reset();
  asio::error_code ignored;
  socket_.close(ignored);
}

void HttpConnection::consume(std::size_t count) {
  read_ += count;
  if (read_ < input_.size()) return;
  read_ = 0;
  input_.clear();
  // Idle connections must not hold large buffers.
  constexpr std::size_t kKept = 1024;
  if (input_.capacity() > kKept) input_.shrink_to_fit();
}

void HttpConnection::move_to(std::list<HttpConnection>& list) {
  if (list_ == &listener_.closed) return;
  list.splice(list.end(), *list_, self_);
  list_ = &list;
}

void HttpConnection::count_output(std::size_t bytes,
                                  std::shared_ptr<const std::string> shared_body) {
  output_.set(bytes);
  shared_output_ = shared_body ? listener_.share_output(std::move(shared_body)) : nullptr;
  const auto exceeds = [&, limit = listener_.limits.max_buffered_bytes] {
    return output_.exceeds(limit) || (shared_output_ && shared_output_->bytes.exceeds(limit));
  };
  while (exceeds() && !listener_.stalled.empty() &&
         listener_.stalled.front().stalled_since_ <= steady_clock::now() - kMinStall) {
    log_warn("client reads too slowly", {{"listener", listener_.name}});
    listener_.stalled.front().close();
  }
}

void HttpConnection::set_timeout(std::chrono::milliseconds timeout) {
  deadline_ = steady_clock::now() + timeout;
}

}  // namespace common
