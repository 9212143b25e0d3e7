// Lets coroutines of one thread go on one at a time, with everything else that the thread has to do
// in between. For connection.cpp.

#ifndef COMMON_HTTP_TURNS_H_
#define COMMON_HTTP_TURNS_H_

#include <asio/awaitable.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <deque>
#include <functional>
#include <utility>
#include <variant>

#include "common/http/await_call.h"

namespace common {

// Not thread-safe. Must outlive the coroutines.
class Turns {
 public:
  // Suspends the coroutine until all that called this earlier have gone on, each in another pass of
  // the event loop: however many wait, an event waits for one of them only.
  asio::awaitable<void> wait() {
    const auto io = co_await asio::this_coro::executor;
    co_await await_call<std::monostate>([&](auto resume) {
      waiting_.emplace_back([resume = std::move(resume)] { resume({}); });
      if (waiting_.size() == 1) asio::post(io, [this, io] { next(io); });
    });
  }

 private:
  void next(const asio::any_io_executor& io) {
    waiting_.front()();
    waiting_.pop_front();
    if (!waiting_.empty()) asio::post(io, [this, io] { next(io); });
  }

  std::deque<std::function<void()>> waiting_ = {};
};

}  // namespace common

#endif  // COMMON_HTTP_TURNS_H_
