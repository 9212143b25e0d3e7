// The parameters of a query: name=value, separated by "&". Percent-escapes are decoded (RFC 3986,
// section 2.1); "+" is a plus sign. The router reads them; a handler takes their values. Functions
// are thread-safe.

#ifndef COMMON_HTTP_QUERY_H_
#define COMMON_HTTP_QUERY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/http/message.h"

namespace common {

// Reads the query of a RequestTarget. Throws BadRequest, which names the parameter, if one is not
// in `known` or is repeated.
QueryParameters parse_query(std::string_view query, const std::vector<std::string>& known);

// The query with this parameter in place of any other value of it. The rest stays as it was sent.
// Name and value must need no percent-escapes.
std::string with_parameter(std::string_view query, std::string_view name, std::string_view value);

// Throws BadRequest, which shows the faulty value and names the accepted ones.
[[noreturn]] void refuse_parameter(std::string_view name, std::string_view value,
                                   std::string_view accepted);

// A parameter of the request as `parse` reads it: std::optional<T> parse(std::string_view). nullopt
// if the request does not have it. Throws BadRequest if `parse` returns nullopt.
template <typename Parse>
auto read_parameter(const HttpRequest& request, std::string_view name, std::string_view accepted,
                    Parse parse) {
  const auto found = request.parameters.find(name);
  if (found == request.parameters.end()) return decltype(parse(std::string_view())){};
  auto value = parse(std::string_view(found->second));
  if (!value) refuse_parameter(name, found->second, accepted);
  return value;
}

// The same for a parameter that has one of these values: pairs of its text and what it means.
template <typename Meaning, std::size_t kSize>
std::optional<Meaning> read_choice(
    const HttpRequest& request, std::string_view name,
    const std::array<std::pair<std::string_view, Meaning>, kSize>& choices) {
  std::string accepted;
  for (const auto& [text, meaning] : choices) {
    accepted.append(accepted.empty() ? "" : ", ").append(text);
  }
  return read_parameter(request, name, accepted,
                        [&choices](std::string_view value) -> std::optional<Meaning> {
                          for (const auto& [text, meaning] : choices) {
                            if (text == value) return meaning;
                          }
                          return std::nullopt;
                        });
}

// A number in decimal digits, from `min` (not negative) to `max`; nullopt for any other text.
std::optional<std::int64_t> parse_number(std::string_view text, std::int64_t min, std::int64_t max);

}  // namespace common

#endif  // COMMON_HTTP_QUERY_H_
