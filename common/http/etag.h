// Entity tags (RFC 9110, section 8.8.3) and conditional requests for a whole body.

#ifndef COMMON_HTTP_ETAG_H_
#define COMMON_HTTP_ETAG_H_

#include <memory>
#include <string>
#include <string_view>

#include "common/http/message.h"

namespace common {

// Depends on the content only, so all replicas have the same. In quotes, in lower case.
std::string etag_of(std::string_view content);

// 200 with the body, or 304 if the client has it (If-None-Match, RFC 9110, section 13.1.2). Both
// have the ETag, and tell caches to ask before they use the body again.
HttpResponse respond_unless_cached(const HttpRequest& request, const std::string& etag,
                                   std::shared_ptr<const std::string> body);

}  // namespace common

#endif  // COMMON_HTTP_ETAG_H_
