#include "common/base/clock.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace common {
namespace {

TEST(ToRfc3339, WritesUtcWithMilliseconds) {
  const std::vector<std::pair<std::int64_t, std::string>> table = {
      {0, "1970-01-01T00:00:00.000Z"},
      {1, "1970-01-01T00:00:00.001Z"},
      {999, "1970-01-01T00:00:00.999Z"},
      {1'000, "1970-01-01T00:00:01.000Z"},
      {951'782'399'999, "2000-02-28T23:59:59.999Z"},
      {951'782'400'000, "2000-02-29T00:00:00.000Z"},
      {2'147'483'648'000, "2038-01-19T03:14:08.000Z"},
      {253'402'300'799'999, "9999-12-31T23:59:59.999Z"},
  };
  for (const auto& [unix_ms, text] : table) EXPECT_EQ(to_rfc3339(unix_ms), text) << unix_ms;
}

TEST(ToRfc3339, GoesBackBeyond1970) {
  EXPECT_EQ(to_rfc3339(-1), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(to_rfc3339(-1'000), "1969-12-31T23:59:59.000Z");
  EXPECT_EQ(to_rfc3339(-1'001), "1969-12-31T23:59:58.999Z");
}

TEST(SystemClock, TellsTheTimeOfDayInMilliseconds) {
  using std::chrono::milliseconds;
  using std::chrono::system_clock;
  const system_clock::time_point before = system_clock::now();
  const system_clock::time_point now{milliseconds(SystemClock().now_ms())};
  const system_clock::time_point after = system_clock::now();
  EXPECT_GE(now, before - milliseconds(1));
  EXPECT_LE(now, after);
}

}  // namespace
}  // namespace common
