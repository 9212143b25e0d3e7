#include "invoice-app/page.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/router_client.h"

namespace invoice_app {
namespace {

using tests::header;

class InvoicePage : public testing::Test {
 protected:
  InvoicePage() { add_page_to(client_.router()); }

  tests::RouterClient client_;
};

TEST_F(InvoicePage, LetsNothingRunOrLoadButItsOwnFiles) {
  for (const char* path : {"/", "/page.css", "/page.js"}) {
    const auto response = client_.get(path);
    EXPECT_EQ(response.status, 200) << path;
    EXPECT_EQ(header(response, "X-Content-Type-Options"), "nosniff") << path;
    EXPECT_EQ(header(response, "Cross-Origin-Resource-Policy"), "same-origin") << path;
    const std::string policy = header(response, "Content-Security-Policy");
    EXPECT_EQ(policy.find("unsafe"), std::string::npos) << policy;
    for (const char* rule : {"default-src 'none'", "script-src 'self'", "form-action 'none'",
                             "frame-ancestors 'none'", "base-uri 'none'"}) {
      EXPECT_NE(policy.find(rule), std::string::npos) << path << " has no " << rule;
    }
  }
}

// The policy would stop them, too. It must never have to.
TEST_F(InvoicePage, HasNoInlineCodeAndMakesNoHtmlOfText) {
  for (const char* path : {"/", "/page.js"}) {
    const std::string text = client_.get(path).body;
    for (const char* banned :
         {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "setHTML", "srcdoc",
          "DOMParser", "createContextualFragment", "<style", "style=", "javascript:", "eval(",
          "new Function", " onclick", " onload", " onerror"}) {
      EXPECT_EQ(text.find(banned), std::string::npos) << path << " has " << banned;
    }
  }
  const std::string html = client_.get("/").body;
  EXPECT_NE(html.find(R"(<script type="module" src="page.js"></script>)"), std::string::npos);
  EXPECT_EQ(html.find("<script"), html.rfind("<script"));
}

}  // namespace
}  // namespace invoice_app
