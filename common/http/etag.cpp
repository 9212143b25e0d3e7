#include "common/http/etag.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <utility>

namespace common {
namespace {

// The comparison is weak.
bool client_has(const HttpRequest& request, const std::string& etag) {
  constexpr std::string_view kName = "If-None-Match";
  return request.has_token(kName, etag) || request.has_token(kName, "w/" + etag) ||
         request.has_token(kName, "*");
}

}  // namespace

std::string etag_of(std::string_view content) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : content) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  std::array<char, 40> tag{};
  const int size = std::snprintf(tag.data(), tag.size(), "\"%zx-%016llx\"", content.size(),
                                 static_cast<unsigned long long>(hash));
  return {tag.data(), static_cast<std::size_t>(size)};
}

HttpResponse respond_unless_cached(const HttpRequest& request, const std::string& etag,
                                   std::shared_ptr<const std::string> body) {
  HttpResponse response{.headers = {{"ETag", etag}, {"Cache-Control", "no-cache"}}};
  if (client_has(request, etag)) {
    response.status = 304;
  } else {
    response.shared_body = std::move(body);
  }
  return response;
}

}  // namespace common
