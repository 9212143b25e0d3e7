#include "common/http/page.h"

#include <limits>
#include <optional>

#include "common/base/ascii.h"
#include "common/http/query.h"

namespace common {
namespace {

constexpr std::string_view kAcceptedCursors = "a cursor from a Link header";

}  // namespace

std::size_t read_limit(const HttpRequest& request) {
  const std::string accepted = "a number from 1 to " + std::to_string(kMaxPageElements);
  const auto limit = read_parameter(request, kLimitName, accepted, [](std::string_view text) {
    return parse_number(text, 1, kMaxPageElements);
  });
  return static_cast<std::size_t>(limit.value_or(kDefaultPageElements));
}

std::int64_t read_sequence_cursor(const HttpRequest& request) {
  const auto parse = [](std::string_view text) {
    return parse_number(text, 1, std::numeric_limits<std::int64_t>::max());
  };
  return read_parameter(request, kCursorName, kAcceptedCursors, parse).value_or(0);
}

std::string read_id_cursor(const HttpRequest& request) {
  const auto parse = [](std::string_view text) {
    return is_id(text) ? std::optional(std::string(text)) : std::nullopt;
  };
  return read_parameter(request, kCursorName, kAcceptedCursors, parse).value_or("");
}

std::string link_to_next(const HttpRequest& request, std::string_view cursor) {
  return '<' + request.path + '?' + with_parameter(request.query, kCursorName, cursor) +
         R"(>; rel="next")";
}

}  // namespace common
