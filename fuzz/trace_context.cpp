#include "common/log/trace_context.h"

#include <algorithm>
#include <vector>

#include "common/base/ascii.h"
#include "fuzz/fuzz.h"

namespace {

using Values = std::vector<std::string_view>;

void check_traceparent(std::string_view value) {
  const auto parsed = common::parse_traceparent(value);
  if (!parsed) return;
  fuzz::check(parsed->size() == 55 && parsed->starts_with("00-"), "the format of version 00");
  fuzz::check(parsed->substr(2, 50) == value.substr(2, 50), "the same ids");
  fuzz::check(common::parse_traceparent(*parsed) == parsed, "what was written is valid");
}

void check_tracestate(const Values& values) {
  const std::string combined = common::combine_tracestate(values);
  fuzz::check(combined.size() <= common::kMaxTracestateBytes, "the limit");
  fuzz::check(std::all_of(combined.begin(), combined.end(), common::is_printable), "printable");
  fuzz::check(common::combine_tracestate(Values{combined}) == combined, "round trip");
}

}  // namespace

// An input is the value of traceparent and those of tracestate, one a line.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::to_text(data, size);
  Values lines;
  while (!text.empty()) {
    lines.push_back(text.substr(0, text.find('\n')));
    text.remove_prefix(std::min(lines.back().size() + 1, text.size()));
  }
  if (lines.empty()) return 0;
  check_traceparent(lines.front());
  lines.erase(lines.begin());
  check_tracestate(lines);
  const common::TraceContext trace = common::receive_trace(Values{}, lines);
  fuzz::check(common::parse_traceparent(trace.traceparent).has_value(), "a new trace is valid");
  fuzz::check(trace.tracestate.empty(), "a new trace has no tracestate");
  return 0;
}
