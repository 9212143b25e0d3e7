// Server-sent events: a response of lines that arrive while something happens (HTML Standard,
// section 9.2). One event:
//
//   event: progress
//   data: {"Paid":3}
//
// Not thread-safe.

#ifndef COMMON_HTTP_EVENT_STREAM_H_
#define COMMON_HTTP_EVENT_STREAM_H_

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "common/http/limits.h"
#include "common/http/message.h"

namespace common {

inline constexpr std::string_view kEventStreamType = "text/event-stream";

// A response with these chunks as its body.
HttpResponse respond_with_events(std::function<void(const OnHttpChunk&)> await_chunk);

// The events of one response, as bytes.
class EventStream {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  // What to send: the event, if it differs from the one before; otherwise nothing (""), or a
  // comment after kEventSilence, so that no proxy closes the connection. `data` is one line.
  std::string write(std::string_view name, std::string_view data, SteadyTime now);

 private:
  std::string last_event_;
  SteadyTime last_write_;
};

}  // namespace common

#endif  // COMMON_HTTP_EVENT_STREAM_H_
