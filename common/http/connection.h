// One connection of the HTTP server: reads end at the deadline of what is being read (a head, a
// body), however slowly bytes trickle in; writes are gathered so that a small answer leaves in one
// piece. Not thread-safe: one thread serves a connection.

#ifndef COMMON_HTTP_CONNECTION_H_
#define COMMON_HTTP_CONNECTION_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/http/limits.h"
#include "common/http/tcp.h"

namespace common {

struct HttpConnectionLimits {  // see limits.h
  std::chrono::milliseconds keep_alive_idle = kIdleTimeout;
  std::chrono::milliseconds head_timeout = kHeadTimeout;
  std::chrono::milliseconds body_timeout = kBodyTimeout;
  std::chrono::milliseconds write_stall = kWriteStall;
  std::size_t max_head_bytes = kMaxHeadBytes;
};

class HttpConnection {
 public:
  // `limits` and `stop` must outlive the connection. A raised `stop` ends the wait for a request
  // that hasn't come in full; one that has is finished.
  HttpConnection(TcpConnection connection, const HttpConnectionLimits& limits,
                 const StopSignal& stop)
      : connection_(std::move(connection)), limits_(limits), stop_(stop) {}

  // Whether the next request has begun, within the time that an idle connection is kept.
  bool wait_for_request();

  // The next line of a request's head, as read_head() wants it. Nothing when no more can be had:
  // the peer has closed, the deadline has passed, or the head is over its limit.
  void begin_head();
  std::optional<std::string> read_head_line();
  bool head_is_too_large() const { return head_bytes_ > limits_.max_head_bytes; }

  // Reads up to `size` bytes of a body, at least one. -1 when no more can be had.
  void begin_body();
  std::ptrdiff_t read(char* to, std::size_t size);

  // Whether more was received than has been read.
  bool has_input() const { return begin_ < end_; }

  // False once the connection is broken.
  bool write(std::string_view bytes);
  bool flush();
  bool is_broken() const { return broken_; }

  // After the last answer, for a peer that may still be sending.
  void close_lingering();

 private:
  bool receive();
  std::string_view received() const { return {input_.data() + begin_, end_ - begin_}; }

  TcpConnection connection_;
  const HttpConnectionLimits& limits_;
  const StopSignal& stop_;
  std::chrono::steady_clock::time_point deadline_{};
  bool in_head_ = true;
  bool broken_ = false;
  std::size_t head_bytes_ = 0;
  std::string unsent_;
  std::size_t begin_ = 0;  // input_[begin_, end_) is received()
  std::size_t end_ = 0;
  std::array<char, 16 * 1024> input_;
};

}  // namespace common

#endif  // COMMON_HTTP_CONNECTION_H_
