// A JSON array of any length as a response, read from a store page by page: memory stays flat, and
// no transaction is open while a slow client reads. What changes meanwhile may or may not show.

#ifndef COMMON_HTTP_LIST_H_
#define COMMON_HTTP_LIST_H_

#include <functional>
#include <string>

#include "common/http/message.h"

namespace common {

// Appends the next elements, each with a comma before it, and says whether there may be more. When
// there was none to append, there is no more.
using AppendPage = std::function<bool(std::string& out)>;

// Reads the first page now, so that a store that can't be read is an error and not half an array.
// A list of one page is sent whole, a longer one in pieces.
HttpResponse json_list(AppendPage append_page);

}  // namespace common

#endif  // COMMON_HTTP_LIST_H_
