// A JSON array of any length as a response. It is read page by page, so memory stays constant and
// no transaction is open while a slow client reads. It may or may not show changes that are made
// meanwhile.

#ifndef COMMON_HTTP_LIST_H_
#define COMMON_HTTP_LIST_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "common/http/limits.h"
#include "common/http/message.h"

namespace common {

// Appends the next part of a body. Returns true if there may be more.
using AppendChunk = std::function<bool(std::string& body)>;

// Reads the first chunk now, so that a failure is an error response and not half an array. If there
// is only one chunk, the response has a plain body. `append_chunk` is not called after the last.
HttpResponse respond_in_chunks(AppendChunk append_chunk);

// The chunks of an array with all elements of a store.
//   read_page(std::int64_t after, std::size_t limit): a container of the elements with a sequence
//     over `after`, in that order, at most `limit`. An element has a member `sequence`, from 1.
//   append_element(std::string& json, const Element& element)
template <typename ReadPage, typename AppendElement>
AppendChunk json_array(ReadPage read_page, AppendElement append_element) {
  return [read_page = std::move(read_page), append_element = std::move(append_element),
          after = std::int64_t{0}](std::string& body) mutable {
    const auto page = read_page(after, kListPageRows);
    if (after == 0) body += '[';
    for (const auto& element : page) {
      if (after != 0) body += ',';
      append_element(body, element);
      after = element.sequence;
    }
    const bool may_have_more = page.size() == kListPageRows;
    if (!may_have_more) body += "]\n";
    return may_have_more;
  };
}

}  // namespace common

#endif  // COMMON_HTTP_LIST_H_
