#include "common/http/request_target.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bad_request.h"
#include "common/http/query.h"
#include "fuzz/fuzz.h"
#include "fuzz/serialize.h"

namespace {

std::ptrdiff_t count_slashes(std::string_view path) {
  return std::count(path.begin(), path.end(), '/');
}

// In a query that is accepted, a value can be replaced: the result is a query with the same others.
void check_query(const std::string& query) {
  const std::vector<std::string> known = {"limit", "cursor"};
  common::QueryParameters parameters;
  try {
    parameters = common::parse_query(query, known);
  } catch (const common::BadRequest&) {
    return;
  }
  const std::string changed = common::with_parameter(query, "cursor", "7");
  parameters["cursor"] = "7";
  fuzz::check(common::parse_query(changed, known) == parameters, "only this value differs");
  fuzz::check(common::parse_request_target("/?" + changed).has_value(), "a link is a target");
}

}  // namespace

// A target that is accepted is equal to itself after it was written and read again.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::to_text(data, size);
  const auto target = common::parse_request_target(text);
  if (target) {
    fuzz::check(target->path == "*" || target->path.starts_with('/'), "a path begins with a slash");
    for (const char c : text) fuzz::check(c > ' ' && c <= '~', "a target is printable");
    if (text.starts_with('/')) {
      fuzz::check(count_slashes(text.substr(0, text.find('?'))) == count_slashes(target->path),
                  "an escaped slash is not a slash");
    }
    fuzz::check(common::parse_request_target(fuzz::to_string(*target)) == target, "round trip");
    check_query(target->query);
    fuzz::check(common::parse_request_target("http://h" + fuzz::to_string(*target)) == target ||
                    target->path == "*",
                "the absolute form has the same path");
  }
  if (common::is_host_and_port(text)) {
    fuzz::check(common::parse_request_target("http://" + std::string(text)).has_value(),
                "a host and port are an authority");
  }
  return 0;
}
