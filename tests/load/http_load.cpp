#include "tests/load/http_load.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cmath>
#include <exception>
#include <optional>
#include <stdexcept>

#include "tests/load/response_reader.h"

namespace tests {

using asio::use_awaitable;
using asio::ip::tcp;
using std::chrono::microseconds;
using std::chrono::steady_clock;

int Measurement::failure_count() const {
  int sum = 0;
  for (const auto& [reason, count] : failures) sum += count;
  return sum;
}

double Measurement::milliseconds_at(double share) const {
  if (latencies.empty()) return 0;
  auto sorted = latencies;
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  const auto nth = sorted.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::nth_element(sorted.begin(), nth, sorted.end());
  return std::chrono::duration<double, std::milli>(*nth).count();
}

class HttpLoad::Client {
 public:
  // The clients share the buffer: they run on one thread.
  Client(asio::io_context& context, const ClientPlan& plan, microseconds start_delay,
         std::vector<char>& buffer)
      : plan_(plan),
        socket_(context),
        timer_(context),
        start_delay_(start_delay),
        buffer_(buffer) {}

  asio::awaitable<void> run() {
    co_await sleep(start_delay_);
    while (true) {
      const std::string failure = co_await exchange();
      if (!failure.empty()) {
        ++plan_.measurement->failures[failure];
        co_await sleep(kPauseAfterFailure);
      }
      if (plan_.pause) co_await sleep(plan_.pause());
    }
  }

  bool waits_for_too_long() const {
    return sent_at_ && steady_clock::now() - *sent_at_ > kResponsePatience;
  }

  void finish() {
    if (waits_for_too_long()) ++plan_.measurement->failures["no response for too long"];
  }

 private:
  static constexpr std::chrono::milliseconds kPauseAfterFailure{10};

  asio::awaitable<void> sleep(microseconds duration) {
    timer_.expires_after(duration);
    co_await timer_.async_wait(use_awaitable);
  }

  // One request and its response; returns the failure, or "".
  asio::awaitable<std::string> exchange() {
    sent_at_ = steady_clock::now();  // with the time to connect
    bool was_sent = false;
    std::string failure;
    try {
      if (!socket_.is_open()) co_await connect();
      if (is_closed()) throw std::runtime_error("closed while idle");
      was_sent = true;
      failure = co_await ask();
    } catch (const std::exception& error) {
      failure = error.what();
    }
    if (!failure.empty() || !plan_.keeps_connection) socket_.close();
    sent_at_.reset();
    if (was_sent || failure.empty()) co_return failure;
    ++plan_.measurement->not_sent;
    // The pause after a failure applies to connections that are refused, too.
    if (plan_.expects_stop) co_await sleep(kPauseAfterFailure);
    co_return plan_.expects_stop ? "" : failure + " (not sent)";
  }

  asio::awaitable<void> connect() {
    const tcp::endpoint server(asio::ip::address_v4::loopback(),
                               static_cast<asio::ip::port_type>(plan_.port));
    co_await socket_.async_connect(server, use_awaitable);
    socket_.set_option(tcp::no_delay(true));
  }

  // Whether the server has closed the connection, as far as this client can know.
  bool is_closed() {
    char byte = 0;
    const auto count = ::recv(socket_.native_handle(), &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
    return count == 0 || (count < 0 && errno != EAGAIN);
  }

  asio::awaitable<std::string> ask() {
    request_ = plan_.request();
    co_await asio::async_write(socket_, asio::buffer(request_), use_awaitable);
    ResponseReader response;
    while (true) {
      co_await socket_.async_wait(tcp::socket::wait_read, use_awaitable);
      const std::size_t count = socket_.read_some(asio::buffer(buffer_));
      if (response.take({buffer_.data(), count})) break;
    }
    plan_.measurement->latencies.push_back(steady_clock::now() - *sent_at_);
    if (response.closes()) socket_.close();
    co_return response.status() / 100 == 2 ? "" : "status " + std::to_string(response.status());
  }

  const ClientPlan& plan_;
  tcp::socket socket_;
  asio::steady_timer timer_;
  const microseconds start_delay_;
  std::optional<steady_clock::time_point> sent_at_;  // of the request in flight
  std::string request_;
  std::vector<char>& buffer_;
};

HttpLoad::HttpLoad() = default;
HttpLoad::~HttpLoad() = default;

void HttpLoad::add(int clients, const ClientPlan& plan) {
  plans_.push_back(plan);
  for (int i = 0; i < clients; ++i) {
    clients_.push_back(std::make_unique<Client>(context_, plans_.back(),
                                                plan.start_spread * i / clients, buffer_));
    asio::co_spawn(context_, clients_.back()->run(), [](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
    });
  }
}

void HttpLoad::run_for(std::chrono::milliseconds duration) {
  context_.restart();
  context_.run_for(duration);
}

void HttpLoad::finish() {
  // If this machine stalled, responses have arrived and are not read yet.
  const auto is_late = [](const auto& client) { return client->waits_for_too_long(); };
  if (std::any_of(clients_.begin(), clients_.end(), is_late))
    run_for(std::chrono::milliseconds(100));
  for (const auto& client : clients_) client->finish();
}

void raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::string http_request(const std::string& method, const std::string& path,
                         const std::string& body, const std::string& host) {
  std::string request = method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\n";
  if (method == "POST") {
    request +=
        "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  return request + "\r\n" + body;
}

std::function<microseconds()> every(microseconds pause) {
  return [pause] { return pause; };
}

}  // namespace tests
