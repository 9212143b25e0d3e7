#include "common/http/static_file.h"

#include <memory>

#include "common/http/etag.h"

namespace common {

void add_static_file(HttpRouter& router, const std::string& path, const StaticFile& file) {
  const auto respond = [body = std::make_shared<const std::string>(file.content),
                        etag = etag_of(file.content), content_type = file.content_type,
                        headers = file.headers](const HttpRequest& request) {
    HttpResponse response = respond_unless_cached(request, etag, body);
    response.content_type = content_type;
    response.headers.insert(response.headers.end(), headers.begin(), headers.end());
    return response;
  };
  router.get(path, respond, HttpRouter::Access::kOpen, respond).may_respond({304});
}

}  // namespace common
