#include "common/http/request_target.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace common {
namespace {

using std::string_literals::operator""s;

// "PATH" or "PATH ? QUERY"; "refused".
std::string read_target(std::string_view target) {
  const auto parsed = parse_request_target(target);
  if (!parsed) return "refused";
  return parsed->path + (parsed->query.empty() ? "" : " ? " + parsed->query);
}

TEST(RequestTarget, HasThreeForms) {
  const std::vector<std::pair<std::string, std::string>> table = {
      // RFC 9112, section 3.2.1: origin form.
      {"/", "/"},
      {"/invoices", "/invoices"},
      {"/invoices/", "/invoices/"},
      {"//h/x", "//h/x"},
      {"/?", "/"},
      {"/a?b=c", "/a ? b=c"},
      {"/a?b?c=/d", "/a ? b?c=/d"},
      {"/aA0-._~!$&'()*+,;=:@", "/aA0-._~!$&'()*+,;=:@"},
      {"/http://h/", "/http://h/"},
      // RFC 9112, section 3.2.2: absolute form.
      {"http://h", "/"},
      {"http://h/", "/"},
      {"http://h:80/a?b", "/a ? b"},
      {"http://h?b", "/ ? b"},
      {"http://h:/a", "/a"},
      {"HTTP://h/a", "/a"},
      {"http://[::1]:80/a", "/a"},
      // RFC 9112, section 3.2.4: asterisk form.
      {"*", "*"},
  };
  for (const auto& [target, parsed] : table) EXPECT_EQ(read_target(target), parsed) << target;
}

TEST(RequestTarget, IsPercentDecodedButForTheSlash) {
  // RFC 3986, sections 2.1, 2.2 and 6.2.2.
  const std::vector<std::pair<std::string, std::string>> table = {
      {"/%69nvoices", "/invoices"},
      {"/invoices%2Fpay", "/invoices%2Fpay"},
      {"/invoices%2fpay", "/invoices%2Fpay"},
      {"/%252F", "/%2F"},
      {"/%25", "/%"},
      {"/%3Fx", "/?x"},
      {"/%23", "/#"},
      {"/%20", "/ "},
      {"/%C3%A9%ff", "/\xC3\xA9\xFF"},
      {"/a%00b", "/a\0b"s},
      {"/%0D%0A", "/\r\n"},
      {"/%2E%2e/../.", "/../../."},  // dot segments stay
      {"/a%41?%41%2f", "/aA ? %41%2f"},
  };
  for (const auto& [target, parsed] : table) EXPECT_EQ(read_target(target), parsed) << target;
}

TEST(PercentDecode, DecodesEveryEscapeAndNothingElse) {
  EXPECT_EQ(percent_decode(""), "");
  EXPECT_EQ(percent_decode("a+b=c&d"), "a+b=c&d");
  EXPECT_EQ(percent_decode("%41%2f%2F%25"), "A//%");
  EXPECT_EQ(percent_decode("x%00%ff"), std::string("x\0\xff", 3));
}

TEST(RequestTarget, OfAnotherFormIsRefused) {
  for (const std::string target : {"",
                                   "hello",
                                   "h:80",
                                   "h/a",
                                   "?a",
                                   "**",
                                   "*/",
                                   "*?a",
                                   "/*#",
                                   "https://h/",
                                   "ftp://h/",
                                   "http:",
                                   "http:/h",
                                   "http://",
                                   "http:///a",
                                   "http://?a",
                                   "http://:80/",
                                   "http://h:x/",
                                   "http://h:65536/",
                                   "http://u@h/",
                                   "http://u:p@h/",
                                   "http://[::1/",
                                   "http://a b/",
                                   "xhttp://h/"}) {
    EXPECT_EQ(read_target(target), "refused") << target;
  }
}

TEST(RequestTarget, WithOtherCharactersIsRefused) {
  const std::string allowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/";
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (c == '%' || c == '?') continue;
    const bool is_allowed = allowed.find(c) != std::string::npos;
    for (const std::string& target : {"/"s + c, "/a"s + c + 'b', "/?"s + c, "http://h/"s + c}) {
      EXPECT_EQ(read_target(target) != "refused", is_allowed) << target << " " << byte;
    }
  }
}

TEST(RequestTarget, WithABadPercentEscapeIsRefused) {
  for (const std::string escape : {"%", "%2", "%zz", "%u0069", "%0g", "%g0", "%+1", "%-1", "% 1",
                                   "%1 ", "%%", "%0x1", "%2%46"}) {
    EXPECT_EQ(read_target("/" + escape), "refused") << escape;
    EXPECT_EQ(read_target("/a" + escape + "/b?c"), "refused") << escape;
    EXPECT_EQ(read_target("/?" + escape), "refused") << escape;
    EXPECT_EQ(read_target("http://h" + escape + "/"), "refused") << escape;
  }
  EXPECT_EQ(read_target("/%0\0"s), "refused");
}

TEST(HostAndPort, AreAsInRfc3986) {
  for (const std::string host : {"h", "localhost", "payment-provider.payments.svc", "a_b", "h.",
                                 "127.0.0.1", "1.2.3", "%41", "!$&'()*+,;=~", "[::]", "[::1]",
                                 "[2001:DB8::1]", "[::ffff:127.0.0.1]", "[1:2:3:4:5:6:7:8]"}) {
    for (const std::string port : {"", ":", ":0", ":80", ":0080", ":65535"}) {
      EXPECT_TRUE(is_host_and_port(host + port)) << host + port;
    }
    for (const std::string port :
         {":65536", ":-1", ":+1", ":8o", ":0x50", ":1 ", ": 1", "::", ":1:2", " ",
          "/",      "?",   "#",   "@",   "@h",    "]",   "[",   "\\", "\x7f", "\xc3\xa9"}) {
      EXPECT_FALSE(is_host_and_port(host + port)) << host + port;
    }
  }
  for (const std::string& text : {""s,
                                  ":"s,
                                  ":80"s,
                                  "h i"s,
                                  "h,i:8 0"s,
                                  "a@b"s,
                                  "h%4"s,
                                  "h%zz"s,
                                  "::1"s,
                                  "[]"s,
                                  "[::1"s,
                                  "::1]"s,
                                  "[127.0.0.1]"s,
                                  "[h]"s,
                                  "[::1%25eth0]"s,
                                  "[::1%eth0]"s,
                                  "[::1\0]"s,
                                  "[v1.a]"s,
                                  "[1:2:3:4:5:6:7:8:9]"s,
                                  "[:::]"s,
                                  "[::12345]"s,
                                  "[::1]80"s,
                                  "x[::1]"s,
                                  "h\0"s,
                                  "\"h\""s,
                                  "h\t"s,
                                  "<h>"s}) {
    EXPECT_FALSE(is_host_and_port(text)) << text;
  }
}

}  // namespace
}  // namespace common
