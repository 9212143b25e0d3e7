#include "common/http/list.h"

#include <optional>
#include <utility>

namespace common {

HttpResponse json_list(AppendPage append_page) {
  std::string first;
  const bool first_is_all = !append_page(first);
  if (first.empty()) first = ",";
  first.front() = '[';

  HttpResponse response;
  if (first_is_all) {
    response.body = first + "]\n";
    return response;
  }
  response.next_chunk = [append_page = std::move(append_page), first = std::optional(first),
                         more = true]() mutable -> std::optional<std::string> {
    if (first) return std::exchange(first, std::nullopt);
    if (!more) return std::nullopt;
    std::string page;
    more = append_page(page);
    if (!more) page += "]\n";
    return page;
  };
  return response;
}

}  // namespace common
