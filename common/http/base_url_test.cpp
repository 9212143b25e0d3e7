#include "common/http/base_url.h"

#include <gtest/gtest.h>

namespace common {
namespace {

struct Accepted {
  const char* text;
  const char* host;
  int port;
  const char* path;
  const char* canonical;
};

TEST(BaseUrl, HasHostPortAndPath) {
  for (const Accepted& url : {
           Accepted{"http://h", "h", 80, "", "http://h"},
           Accepted{"http://h/", "h", 80, "", "http://h"},
           Accepted{"http://h:80/", "h", 80, "", "http://h"},
           Accepted{"http://h:1", "h", 1, "", "http://h:1"},
           Accepted{"http://h:65535/a/b//", "h", 65535, "/a/b", "http://h:65535/a/b"},
           Accepted{"http://h/a:1/[b]@", "h", 80, "/a:1/[b]@", "http://h/a:1/[b]@"},
           Accepted{"http://127.0.0.1:8082", "127.0.0.1", 8082, "", "http://127.0.0.1:8082"},
           Accepted{"http://payment-provider.payments.svc:8082/", "payment-provider.payments.svc",
                    8082, "", "http://payment-provider.payments.svc:8082"},
           Accepted{"http://a_b~c", "a_b~c", 80, "", "http://a_b~c"},
           Accepted{"http://[::1]", "::1", 80, "", "http://[::1]"},
           Accepted{"http://[::1]:8082", "::1", 8082, "", "http://[::1]:8082"},
           Accepted{"http://[2001:DB8::7]:1/a/", "2001:DB8::7", 1, "/a",
                    "http://[2001:DB8::7]:1/a"},
           Accepted{"http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1", 80, "",
                    "http://[::ffff:127.0.0.1]"},
       }) {
    const auto parsed = parse_base_url(url.text);
    ASSERT_TRUE(parsed) << url.text;
    EXPECT_EQ(parsed->host, url.host) << url.text;
    EXPECT_EQ(parsed->port, url.port) << url.text;
    EXPECT_EQ(parsed->path, url.path) << url.text;
    EXPECT_EQ(to_string(*parsed), url.canonical);
    EXPECT_TRUE(parse_base_url(url.canonical)) << url.canonical;
  }
}

TEST(BaseUrl, IsAnHttpUrlWithAHostAndNothingAfterThePath) {
  for (const char* url : {"",
                          "h",
                          "h:80",
                          "https://h",
                          "HTTP://h",
                          "ftp://h",
                          "http:/h",
                          "http://",
                          "http:///a",
                          "http://:80",
                          "http://h:",
                          "http://h:0",
                          "http://h:65536",
                          "http://h:-1",
                          "http://h:+1",
                          "http://h:8x",
                          "http://h:99999999999",
                          "http://u@h",
                          "http://u:p@h",
                          "http://h:1:2",
                          "http://h/?q",
                          "http://h/#f",
                          "http://h?q",
                          "http://h#f",
                          "http://h /",
                          " http://h",
                          "http://h/a\r\nX: y",
                          "http://h\xC3\xA9",
                          "http://a%62c",
                          "http://a\"b",
                          "http://a\\b",
                          "http://::1",
                          "http://::1:8082",
                          "http://[]",
                          "http://[]:80",
                          "http://[",
                          "http://]",
                          "http://[::1",
                          "http://::1]",
                          "http://[::1]8082",
                          "http://[::1]:",
                          "http://[::1]:0",
                          "http://[::1]:8x",
                          "http://[::1]]",
                          "http://[[::1]]",
                          "http://x[::1]",
                          "http://[::1]x:80",
                          "http://u@[::1]",
                          "http://[::1%lo]",
                          "http://[::1%25lo]",
                          "http://[127.0.0.1]",
                          "http://[h]",
                          "http://[::g]",
                          "http://[1::2::3]",
                          "http://[1:2:3:4:5:6:7:8:9]",
                          "http://[v1.a]"}) {
    EXPECT_FALSE(parse_base_url(url)) << url;
  }
}

}  // namespace
}  // namespace common
