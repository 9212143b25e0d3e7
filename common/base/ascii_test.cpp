#include "common/base/ascii.h"

#include <gtest/gtest.h>

#include <string>

namespace common {
namespace {

// The bytes of this class, in ascending order.
std::string all(bool (*is_member)(char)) {
  std::string members;
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (is_member(c)) members += c;
  }
  return members;
}

TEST(Ascii, ClassesHaveExactlyTheseCharacters) {
  const std::string digits = "0123456789";
  const std::string upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const std::string lower = "abcdefghijklmnopqrstuvwxyz";
  EXPECT_EQ(all(is_digit), digits);
  EXPECT_EQ(all(is_alphanumeric), digits + upper + lower);
  // RFC 9110, section 5.6.2.
  EXPECT_EQ(all(is_token_character), "!#$%&'*+-." + digits + upper + "^_`" + lower + "|~");
  EXPECT_EQ(all(is_id_character), "-." + digits + upper + "_" + lower);
  EXPECT_EQ(all(is_printable).size(), 95U);
  EXPECT_EQ(all(is_printable).front(), ' ');
  EXPECT_EQ(all(is_printable).back(), '~');
}

TEST(Ascii, AnIdHas1To64OfItsCharacters) {
  for (const std::string& id : {std::string("I1"), std::string("."), std::string(64, 'x')}) {
    EXPECT_TRUE(is_id(id)) << id;
  }
  for (const std::string& other :
       {std::string(), std::string(65, 'x'), std::string("a b"), std::string("a/b"),
        std::string("a\0", 2), std::string("\xc3\xa9"), std::string("a\n")}) {
    EXPECT_FALSE(is_id(other)) << other;
  }
}

TEST(Ascii, OnlyLettersHaveACase) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    EXPECT_EQ(to_lower(c), c >= 'A' && c <= 'Z' ? c + 32 : c) << byte;
  }
}

TEST(Ascii, ComparesIgnoringCase) {
  EXPECT_TRUE(equal_ignoring_case("", ""));
  EXPECT_TRUE(equal_ignoring_case("Content-Type", "content-TYPE"));
  EXPECT_TRUE(equal_ignoring_case("AZaz09", "azAZ09"));
  EXPECT_FALSE(equal_ignoring_case("a", ""));
  EXPECT_FALSE(equal_ignoring_case("a", "ab"));
  EXPECT_FALSE(equal_ignoring_case("a", "b"));
  // They differ in the same bit as the two cases of a letter.
  EXPECT_FALSE(equal_ignoring_case("@", "`"));
  EXPECT_FALSE(equal_ignoring_case("[", "{"));
  EXPECT_FALSE(equal_ignoring_case("\r", "-"));
  EXPECT_FALSE(equal_ignoring_case("\xC9", "\xE9"));
}

}  // namespace
}  // namespace common
