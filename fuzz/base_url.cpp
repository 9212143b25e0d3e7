#include "common/http/base_url.h"

#include <string>

#include "common/http/request_target.h"
#include "fuzz/fuzz.h"

namespace {

bool equal(const common::BaseUrl& a, const common::BaseUrl& b) {
  return a.host == b.host && a.port == b.port && a.path == b.path;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto url = common::parse_base_url(fuzz::to_text(data, size));
  if (!url) return 0;
  fuzz::check(!url->host.empty() && url->port > 0 && url->port <= 65535, "a server has an address");
  fuzz::check(url->path.empty() || (url->path.starts_with('/') && !url->path.ends_with('/')),
              "no slash at the end");
  fuzz::check(common::is_host_and_port(common::authority(*url)), "our server accepts the Host");
  const auto again = common::parse_base_url(common::to_string(*url));
  fuzz::check(again && equal(*again, *url), "round trip");
  return 0;
}
