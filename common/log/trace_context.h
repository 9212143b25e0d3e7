// The distributed trace that some work belongs to, as of W3C Trace Context, level 1
// (https://www.w3.org/TR/trace-context-1/). The services take part: each request, and each call to
// another service, is a span with a new id. Spans are not sent anywhere; the log has their ids.

#ifndef COMMON_LOG_TRACE_CONTEXT_H_
#define COMMON_LOG_TRACE_CONTEXT_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace common {

inline constexpr std::size_t kMaxTracestateMembers = 32;  // more: malformed
// A longer tracestate is shortened. The specification asks for at least this.
inline constexpr std::size_t kMaxTracestateBytes = 512;

struct TraceContext {
  // Headers of calls that are made in this span.
  std::string traceparent = {};  // in the format of version 00; "" outside of a trace
  std::string tracestate = {};   // "" if there is none

  std::string parent_span_id = {};  // "" if the trace began with this span

  std::string_view trace_id() const { return part(3, 32); }
  std::string_view span_id() const { return part(36, 16); }

 private:
  std::string_view part(std::size_t begin, std::size_t size) const {
    return traceparent.empty() ? "" : std::string_view(traceparent).substr(begin, size);
  }
};

// A new trace. Its flag "sampled" is not set, because this service does not record spans.
TraceContext begin_trace();

// A new span in the same trace, or in a new trace if there is none.
TraceContext next_span(const TraceContext& parent);

// The span of a request with these values of the headers. Begins a trace if there isn't exactly one
// valid traceparent. Then tracestate is dropped.
TraceContext receive_trace(std::span<const std::string_view> traceparents,
                           std::span<const std::string_view> tracestates);

// The value of the header in the format of version 00, or nullopt if it is malformed. Of a later
// version, only the parts are read that version 00 has. Of the flags, "sampled" and "random"
// (level 2) are kept.
std::optional<std::string> parse_traceparent(std::string_view value);

// One list of the values of all headers, in order, without empty members. Returns "" if it is
// malformed, has a key twice or too many members. If it is too long, members over 128 bytes are
// left out first, then the last ones.
std::string combine_tracestate(std::span<const std::string_view> values);

}  // namespace common

#endif  // COMMON_LOG_TRACE_CONTEXT_H_
