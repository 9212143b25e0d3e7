#include "common/http/page.h"

#include <limits>

#include "common/base/ascii.h"
#include "common/base/bad_request.h"
#include "common/http/query.h"
#include "common/http/request_target.h"

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

std::int64_t read_cursor(const HttpRequest& request) {
  const auto parse = [](std::string_view text) {
    return parse_number(text, 1, std::numeric_limits<std::int64_t>::max());
  };
  return read_parameter(request, kCursorName, kAcceptedCursors, parse).value_or(0);
}

std::string link_to_next(const HttpRequest& request, std::string_view cursor) {
  return '<' + request.path + '?' + with_parameter(request.query, kCursorName, cursor) +
         R"(>; rel="next")";
}

std::optional<std::string> read_next_cursor(std::string_view link) {
  constexpr std::string_view kEnd = R"(>; rel="next")";
  if (!link.starts_with('<') || !link.ends_with(kEnd)) return std::nullopt;
  const auto target = parse_request_target(link.substr(1, link.size() - 1 - kEnd.size()));
  if (!target) return std::nullopt;
  try {
    const QueryParameters parameters =
        parse_query(target->query, {std::string(kLimitName), std::string(kCursorName)});
    const auto cursor = parameters.find(kCursorName);
    if (cursor != parameters.end() && is_id(cursor->second)) return cursor->second;
  } catch (const BadRequest&) {  // is no link of a page
  }
  return std::nullopt;
}

}  // namespace common
