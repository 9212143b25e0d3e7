// Pages of a list. The query parameter "limit" is the number of elements of a page; "cursor" is
// where it begins. The response has a link to the next page, if there is one (RFC 8288):
//
//   Link: </invoices?status=unpaid&limit=100&cursor=123>; rel="next"
//
// A cursor is the sequence of the last element of a page. Clients get it from the link and must not
// rely on its form. So a page costs as much wherever it is, and elements that are added meanwhile
// move no other to another page. Functions are thread-safe.

#ifndef COMMON_HTTP_PAGE_H_
#define COMMON_HTTP_PAGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/limits.h"
#include "common/http/message.h"

namespace common {

// The names of the parameters that this reads.
inline constexpr std::string_view kLimitName = "limit";
inline constexpr std::string_view kCursorName = "cursor";

// Elements of a page: 1 to kMaxPageElements, kDefaultPageElements if there is no parameter. Throws
// BadRequest for another value.
std::size_t read_limit(const HttpRequest& request);

// The sequence after which the page begins; 0 for the first page. Throws BadRequest if the value
// cannot be a cursor.
std::int64_t read_cursor(const HttpRequest& request);

// The value of Link for the page after `cursor`: the target of the request with this cursor.
std::string link_to_next(const HttpRequest& request, std::string_view cursor);

// For clients: the cursor in such a value, if the request had no parameters but those of pages;
// nullopt if the value has another form. The cursor needs no percent-escapes.
std::optional<std::string> read_next_cursor(std::string_view link);

// The response: an array of the first `limit` elements. If there are more, it has a link to the
// page after them: callers read limit + 1.
//   append_element(std::string& json, const Element& element)
//   cursor(const Element& element): its cursor as a std::string
template <typename Element, typename AppendElement, typename Cursor>
HttpResponse respond_with_page(const HttpRequest& request, const std::vector<Element>& elements,
                               std::size_t limit, AppendElement append_element, Cursor cursor) {
  HttpResponse response{.body = "["};
  for (std::size_t i = 0; i < elements.size() && i < limit; ++i) {
    if (i > 0) response.body += ',';
    append_element(response.body, elements[i]);
  }
  response.body += "]\n";
  if (elements.size() > limit) {
    response.headers.emplace_back("Link", link_to_next(request, cursor(elements[limit - 1])));
  }
  return response;
}

}  // namespace common

#endif  // COMMON_HTTP_PAGE_H_
