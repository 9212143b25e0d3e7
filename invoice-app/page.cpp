#include "invoice-app/page.h"

#include <string_view>

#include "common/http/static_file.h"

namespace invoice_app {

extern const std::string_view kPageHtml;
extern const std::string_view kPageCss;
extern const std::string_view kPageJs;

namespace {

// No file but these three runs or is loaded, so a text that is shown as HTML by mistake does no
// harm. No other site can frame the page, or keep a reference to its window.
const common::HttpHeaders kHeaders = {
    {"Content-Security-Policy",
     "default-src 'none'; connect-src 'self'; img-src 'self' data:; script-src 'self'; "
     "style-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"}};

}  // namespace

void add_page_to(common::HttpRouter& router) {
  common::add_static_file(router, "/", {kPageHtml, "text/html; charset=utf-8", kHeaders});
  common::add_static_file(router, "/page.css", {kPageCss, "text/css; charset=utf-8", kHeaders});
  common::add_static_file(router, "/page.js",
                          {kPageJs, "text/javascript; charset=utf-8", kHeaders});
}

}  // namespace invoice_app
