#include "tests/load/bad_clients.h"

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <system_error>

#include "tests/load/http_load.h"
#include "tests/support/eventually.h"

namespace tests {

using asio::use_awaitable;
using asio::ip::tcp;
using std::chrono::milliseconds;

namespace {

// What a client does after it has connected.
struct Script {
  std::string first = {};         // is sent once
  std::string repeated = {};      // is sent again and again; empty: the client reads instead
  milliseconds pause{0};          // after each time
  std::size_t bytes_at_once = 0;  // that it reads
};

Script script_of(const BadClientsPlan& plan) {
  constexpr milliseconds kTrickle{250};
  constexpr int kPipelined = 64;
  const std::string get = http_request("GET", plan.get_path);
  Script script;
  switch (plan.badness) {
    case Badness::kTricklingHead:
      return {.first = get.substr(0, get.size() - 2) + "X: ", .repeated = "x", .pause = kTrickle};
    case Badness::kTricklingBody: {
      const std::string post = http_request("POST", plan.post_path, std::string(10'000, ' '));
      return {.first = post.substr(0, post.size() - 10'000), .repeated = " ", .pause = kTrickle};
    }
    case Badness::kSilent:
      return {.bytes_at_once = 1};
    case Badness::kUnreadResponses:
      for (int i = 0; i < kPipelined; ++i) script.repeated += get;
      return script;
    default:
      return {.first = get, .pause = milliseconds(100), .bytes_at_once = 1000};
  }
}

}  // namespace

std::string to_string(Badness badness) {
  switch (badness) {
    case Badness::kTricklingHead:
      return "trickling heads";
    case Badness::kTricklingBody:
      return "trickling bodies";
    case Badness::kSilent:
      return "silent connections";
    case Badness::kUnreadResponses:
      return "responses that are never read";
    default:
      return "slow readers";
  }
}

class BadClients::Client {
 public:
  Client(BadClients& all, const BadClientsPlan& plan)
      : all_(all),
        script_(script_of(plan)),
        port_(static_cast<asio::ip::port_type>(plan.port)),
        socket_(all.context_),
        timer_(all.context_) {}

  asio::awaitable<void> run() {
    bool is_first = true;
    while (true) {
      try {
        co_await connect();
        if (is_first) ++all_.connected_;
        is_first = false;
        co_await misbehave();
      } catch (const std::system_error&) {
        ++all_.closed_;
      }
      socket_.close();
      co_await sleep(milliseconds(10));
    }
  }

 private:
  asio::awaitable<void> connect() {
    socket_.open(tcp::v4());
    // With a small buffer, responses that are not read soon block the server.
    socket_.set_option(tcp::socket::receive_buffer_size(8192));
    co_await socket_.async_connect({asio::ip::address_v4::loopback(), port_}, use_awaitable);
    socket_.set_option(tcp::no_delay(true));
  }

  // Until the server closes the connection, which throws.
  asio::awaitable<void> misbehave() {
    co_await asio::async_write(socket_, asio::buffer(script_.first), use_awaitable);
    while (!script_.repeated.empty()) {
      co_await asio::async_write(socket_, asio::buffer(script_.repeated), use_awaitable);
      if (script_.pause.count() > 0) co_await sleep(script_.pause);
    }
    std::vector<char> buffer(script_.bytes_at_once);
    while (true) {
      const auto count = co_await socket_.async_read_some(asio::buffer(buffer), use_awaitable);
      all_.bytes_read_ += static_cast<std::int64_t>(count);
      if (script_.pause.count() > 0) co_await sleep(script_.pause);
    }
  }

  asio::awaitable<void> sleep(milliseconds duration) {
    timer_.expires_after(duration);
    co_await timer_.async_wait(use_awaitable);
  }

  BadClients& all_;
  const Script script_;
  const asio::ip::port_type port_;
  tcp::socket socket_;
  asio::steady_timer timer_;
};

BadClients::BadClients(const BadClientsPlan& plan) {
  for (int i = 0; i < plan.count; ++i) {
    clients_.push_back(std::make_unique<Client>(*this, plan));
    asio::co_spawn(context_, clients_.back()->run(), asio::detached);
  }
  thread_ = std::thread([this] { context_.run(); });
  eventually([&] { return connected_ == plan.count; }, std::chrono::seconds(1));
}

BadClients::~BadClients() {
  context_.stop();
  thread_.join();
}

}  // namespace tests
