#include "common/base/random.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace common {
namespace {

TEST(RandomHex, IsTwoLowerCaseDigitsPerByteAndNeverTheSame) {
  std::set<std::string> ids;
  for (int i = 0; i < 1'000; ++i) {
    ids.insert(random_hex(16));
    ids.insert(random_hex(8));
  }
  EXPECT_EQ(ids.size(), 2'000U);
  for (const std::string& id : ids) {
    ASSERT_TRUE(id.size() == 32U || id.size() == 16U) << id;
    ASSERT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos) << id;
  }
}

}  // namespace
}  // namespace common
