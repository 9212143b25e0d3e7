#include "common/http/query.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "common/base/ascii.h"
#include "common/base/bad_request.h"
#include "common/http/problem.h"
#include "common/http/request_target.h"

namespace common {
namespace {

struct Part {
  std::string_view text;  // as sent
  std::string_view name;
  std::string_view value;
};

std::vector<Part> split(std::string_view query) {
  std::vector<Part> parts;
  for (bool has_more = !query.empty(); has_more;) {
    const std::size_t end = query.find('&');
    const std::string_view text = query.substr(0, end);
    const std::size_t name_end = std::min(text.find('='), text.size());
    parts.push_back({.text = text,
                     .name = text.substr(0, name_end),
                     .value = text.substr(std::min(name_end + 1, text.size()))});
    has_more = end != std::string_view::npos;
    if (has_more) query.remove_prefix(end + 1);
  }
  return parts;
}

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text.append(text.empty() ? "" : ", ").append(name);
  return text;
}

}  // namespace

QueryParameters parse_query(std::string_view query, const std::vector<std::string>& known) {
  QueryParameters parameters;
  for (const Part& part : split(query)) {
    const std::string name = percent_decode(part.name);
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw BadRequest("there is no query parameter " + shown(part.name) +
                       (known.empty() ? "" : "; accepted: " + join(known)));
    }
    if (!parameters.emplace(name, percent_decode(part.value)).second) {
      throw BadRequest("the query parameter " + name + " is repeated, with " + shown(part.value) +
                       "; accepted: one value");
    }
  }
  return parameters;
}

std::string with_parameter(std::string_view query, std::string_view name, std::string_view value) {
  std::string changed;
  for (const Part& part : split(query)) {
    if (percent_decode(part.name) != name) changed.append(part.text).append("&");
  }
  return changed.append(name).append("=").append(value);
}

void refuse_parameter(std::string_view name, std::string_view value, std::string_view accepted) {
  throw BadRequest("the query parameter " + std::string(name) + " is " + shown(value) +
                   "; accepted: " + std::string(accepted));
}

std::optional<std::int64_t> parse_number(std::string_view text, std::int64_t min,
                                         std::int64_t max) {
  std::int64_t number = 0;
  if (!std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;  // also a sign
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < min || number > max) return std::nullopt;
  return number;
}

}  // namespace common
