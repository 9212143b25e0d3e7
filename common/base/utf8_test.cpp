#include "common/base/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace common {
namespace {

TEST(CutUtf8, KeepsWholeCharactersOnly) {
  const std::string text = "a\u00e9\u20ac\U0001F600z";  // 1, 2, 3, 4 and 1 bytes
  const std::size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
  for (std::size_t bytes = 0; bytes < std::size(expected); ++bytes) {
    EXPECT_EQ(cut_utf8(text, bytes), text.substr(0, expected[bytes])) << bytes;
    EXPECT_EQ(cut_utf8(text.substr(0, bytes), 100), text.substr(0, expected[bytes])) << bytes;
  }
}

}  // namespace
}  // namespace common
