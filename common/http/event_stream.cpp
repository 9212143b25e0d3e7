#include "common/http/event_stream.h"

#include <utility>

namespace common {

HttpResponse respond_with_events(std::function<void(const OnHttpChunk&)> await_chunk) {
  return {.content_type = std::string(kEventStreamType),
          .headers = {{"Cache-Control", "no-cache"},
                      // nginx would collect events before it sends them.
                      {"X-Accel-Buffering", "no"}},
          .await_chunk = std::move(await_chunk)};
}

std::string EventStream::write(std::string_view name, std::string_view data, SteadyTime now) {
  std::string event;
  event.append("event: ").append(name).append("\ndata: ").append(data).append("\n\n");
  const bool is_new = event != last_event_;
  if (!is_new && now < last_write_ + kEventSilence) return "";
  last_write_ = now;
  if (!is_new) return ":\n\n";
  last_event_ = event;
  return event;
}

}  // namespace common
