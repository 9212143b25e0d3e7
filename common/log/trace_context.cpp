#include "common/log/trace_context.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/ascii.h"
#include "common/base/random.h"

namespace common {
namespace {

// Positions in "00-<trace id>-<span id>-<flags>".
constexpr std::size_t kTraceIdDigits = 32;
constexpr std::size_t kSpanIdDigits = 16;
constexpr std::size_t kSpanId = 36;
constexpr std::size_t kSpanIdEnd = kSpanId + kSpanIdDigits;
constexpr std::size_t kFlags = 53;
constexpr std::size_t kSize = 55;

constexpr std::size_t kMaxMemberPart = 256;  // of a key, and of a value
constexpr std::size_t kLongMember = 128;

using Members = std::vector<std::string_view>;

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_trace_or_span_id(std::string_view text) {
  return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpaces = " \t";
  text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
  return text.substr(0, text.find_last_not_of(kSpaces) + 1);
}

Members split(std::span<const std::string_view> values) {
  Members members;
  for (std::string_view value : values) {
    while (!value.empty()) {
      const std::string_view member = value.substr(0, value.find(','));
      value.remove_prefix(std::min(member.size() + 1, value.size()));
      if (!trim(member).empty()) members.push_back(trim(member));
    }
  }
  return members;
}

std::string_view key_of(std::string_view member) { return member.substr(0, member.find('=')); }

// Keys as of level 2, which allows a few more than level 1.
bool is_member(std::string_view member) {
  const auto is_key_character = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') ||
           std::string_view("_-*/@").find(c) != std::string_view::npos;
  };
  const std::string_view key = key_of(member);
  if (key.size() == member.size()) return false;
  const std::string_view value = member.substr(key.size() + 1);
  return !key.empty() && key.size() <= kMaxMemberPart && is_alphanumeric(key.front()) &&
         std::all_of(key.begin(), key.end(), is_key_character) && !value.empty() &&
         value.size() <= kMaxMemberPart && value.find('=') == std::string_view::npos &&
         std::all_of(value.begin(), value.end(), is_printable);
}

bool has_key_twice(const Members& members) {
  Members keys(members.size());
  std::transform(members.begin(), members.end(), keys.begin(), key_of);
  std::sort(keys.begin(), keys.end());
  return std::adjacent_find(keys.begin(), keys.end()) != keys.end();
}

std::string join(const Members& members) {
  std::string text;
  for (const std::string_view member : members) {
    if (!text.empty()) text += ',';
    text += member;
  }
  return text;
}

}  // namespace

TraceContext begin_trace() {
  const std::string ids = random_hex((kTraceIdDigits + kSpanIdDigits) / 2);
  TraceContext trace;
  trace.traceparent.reserve(kSize);
  trace.traceparent.append("00-").append(ids, 0, kTraceIdDigits).append("-");
  trace.traceparent.append(ids, kTraceIdDigits).append("-00");
  return trace;
}

TraceContext next_span(const TraceContext& parent) {
  if (parent.traceparent.empty()) return begin_trace();
  TraceContext next = parent;
  next.parent_span_id = parent.span_id();
  next.traceparent.replace(kSpanId, kSpanIdDigits, random_hex(kSpanIdDigits / 2));
  return next;
}

TraceContext receive_trace(std::span<const std::string_view> traceparents,
                           std::span<const std::string_view> tracestates) {
  if (traceparents.size() != 1) return begin_trace();
  std::optional<std::string> traceparent = parse_traceparent(traceparents.front());
  if (!traceparent) return begin_trace();
  return next_span(
      {.traceparent = std::move(*traceparent), .tracestate = combine_tracestate(tracestates)});
}

std::optional<std::string> parse_traceparent(std::string_view value) {
  const std::string_view version = value.substr(0, 2);
  if (value.size() < kSize || !is_hex(version) || version == "ff") return std::nullopt;
  const TraceContext parts{.traceparent = std::string(value.substr(0, kSize))};
  const std::string_view flags = value.substr(kFlags, kSize - kFlags);
  if (value[2] != '-' || value[kSpanId - 1] != '-' || value[kSpanIdEnd] != '-' ||
      !is_trace_or_span_id(parts.trace_id()) || !is_trace_or_span_id(parts.span_id()) ||
      !is_hex(flags)) {
    return std::nullopt;
  }
  const bool has_more = value.size() > kSize;
  if (has_more && (version == "00" || value[kSize] != '-')) return std::nullopt;
  constexpr int kKnownFlags = 3;
  const int last_digit = is_digit(flags[1]) ? flags[1] - '0' : flags[1] - 'a' + 10;
  std::string traceparent = "00" + std::string(value.substr(2, kFlags - 2)) + '0';
  return traceparent += static_cast<char>('0' + (last_digit & kKnownFlags));
}

std::string combine_tracestate(std::span<const std::string_view> values) {
  Members members = split(values);
  if (members.size() > kMaxTracestateMembers ||
      !std::all_of(members.begin(), members.end(), is_member) || has_key_twice(members)) {
    return "";
  }
  std::string text = join(members);
  for (const std::size_t kept : {kLongMember, std::size_t{0}}) {
    for (std::size_t i = members.size(); i > 0 && text.size() > kMaxTracestateBytes; --i) {
      if (members[i - 1].size() <= kept) continue;
      members.erase(members.begin() + static_cast<std::ptrdiff_t>(i - 1));
      text = join(members);
    }
  }
  return text;
}

}  // namespace common
