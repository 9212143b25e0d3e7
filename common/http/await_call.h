// Lets a coroutine wait for a call from another thread. For connection.cpp.

#ifndef COMMON_HTTP_AWAIT_CALL_H_
#define COMMON_HTTP_AWAIT_CALL_H_

#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <memory>
#include <utility>

namespace common {

// Calls `start` with a function `resume`, and suspends the coroutine until `resume(result)` is
// called, by any thread. Returns the result.
template <typename Result, typename Start>
asio::awaitable<Result> await_call(Start start) {
  const auto io = co_await asio::this_coro::executor;
  const auto initiate = [io, &start](auto handler) {
    start([io, shared = std::make_shared<decltype(handler)>(std::move(handler))](Result result) {
      asio::post(io,
                 [shared, result = std::move(result)]() mutable { (*shared)(std::move(result)); });
    });
  };
  auto token = asio::use_awaitable_t<>();
  co_return co_await asio::async_initiate<asio::use_awaitable_t<>, void(Result)>(initiate, token);
}

}  // namespace common

#endif  // COMMON_HTTP_AWAIT_CALL_H_
