#include "common/http/problem.h"

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>

#include "common/base/ascii.h"

namespace common {

std::string shown(std::string_view value) {
  constexpr std::size_t kMaxShown = 100;
  std::string text(value.substr(0, kMaxShown));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return !is_printable(c); }, '?');
  return '"' + text + '"';
}

std::string to_json(const Problem& problem) {
  using Json = nlohmann::ordered_json;
  Json json;
  json["type"] = problem.type.empty() ? "about:blank" : "urn:problem:" + problem.type;
  json["title"] = reason_phrase(problem.status);
  json["status"] = problem.status;
  json["detail"] = problem.detail;
  for (const auto& [name, value] : problem.members) json[name] = value;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

HttpResponse to_response(const Problem& problem) {
  return {.status = problem.status,
          .content_type = "application/problem+json",
          .body = to_json(problem) + '\n'};
}

}  // namespace common
