// A file that is compiled into the program (cmake/embed.cmake), as the response to a GET.

#ifndef COMMON_HTTP_STATIC_FILE_H_
#define COMMON_HTTP_STATIC_FILE_H_

#include <string>
#include <string_view>

#include "common/http/message.h"
#include "common/http/router.h"

namespace common {

struct StaticFile {
  std::string_view content;
  std::string content_type;
  HttpHeaders headers = {};  // in addition to ETag and Cache-Control
};

// Adds a route that needs no token. It is answered without a worker.
void add_static_file(HttpRouter& router, const std::string& path, const StaticFile& file);

}  // namespace common

#endif  // COMMON_HTTP_STATIC_FILE_H_
