#include "common/http/list.h"

#include <optional>

namespace common {

HttpResponse respond_in_chunks(AppendChunk append_chunk) {
  HttpResponse response;
  if (!append_chunk(response.body)) return response;
  response.next_chunk = [append_chunk = std::move(append_chunk),
                         first = std::optional(std::exchange(response.body, {})),
                         more = true]() mutable -> std::optional<std::string> {
    if (first) return std::exchange(first, std::nullopt);
    if (!more) return std::nullopt;
    std::string chunk;
    more = append_chunk(chunk);
    return chunk;
  };
  return response;
}

}  // namespace common
