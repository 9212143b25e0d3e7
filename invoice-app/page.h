// The page for people: GET /, /page.css and /page.js. Its files are in invoice-app/page, and
// compiled in. It uses the public API.

#ifndef INVOICE_APP_PAGE_H_
#define INVOICE_APP_PAGE_H_

#include "common/http/router.h"

namespace invoice_app {

void add_page_to(common::HttpRouter& router);

}  // namespace invoice_app

#endif  // INVOICE_APP_PAGE_H_
