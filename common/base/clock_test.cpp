#include "common/base/clock.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace common {
namespace {

WallTime at(std::int64_t unix_ms) { return WallTime(std::chrono::milliseconds(unix_ms)); }

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
  for (const auto& [unix_ms, text] : table) EXPECT_EQ(to_rfc3339(at(unix_ms)), text) << unix_ms;
}

TEST(ToRfc3339, GoesBackBeyond1970) {
  EXPECT_EQ(to_rfc3339(at(-1)), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(to_rfc3339(at(-1'000)), "1969-12-31T23:59:59.000Z");
  EXPECT_EQ(to_rfc3339(at(-1'001)), "1969-12-31T23:59:58.999Z");
}

TEST(ParseRfc3339, ReadsWhatToRfc3339Writes) {
  for (const std::int64_t unix_ms :
       {-30'610'224'000'000LL, -1LL, 0LL, 951'782'400'123LL, 253'402'300'799'999LL}) {
    EXPECT_EQ(parse_rfc3339(to_rfc3339(at(unix_ms))), at(unix_ms)) << unix_ms;
  }
}

TEST(ParseRfc3339, RefusesEverythingElse) {
  for (const char* text :
       {"", "2026-11-26", "2026-11-26T10:00:00Z", "2026-11-26T10:00:00.000",
        "2026-11-26t10:00:00.000Z", "2026-11-26T10:00:00.000+00", "2026-11-26T10:00:00.0000Z",
        "2026-02-29T10:00:00.000Z", "2026-13-01T10:00:00.000Z", "2026-00-01T10:00:00.000Z",
        "2026-11-31T10:00:00.000Z", "2026-11-26T24:00:00.000Z", "2026-11-26T10:60:00.000Z",
        "2026-11-26T10:00:60.000Z", "2026-11-26T10:00:00.0 0Z", "-026-11-26T10:00:00.000Z"}) {
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
  }
}

TEST(SystemClock, TellsTheTimeOfDayInMilliseconds) {
  const auto before = std::chrono::system_clock::now();
  const WallTime now = SystemClock().now();
  EXPECT_GE(now, before - std::chrono::milliseconds(1));
  EXPECT_LE(now, std::chrono::system_clock::now());
}

// Steady time counts from the start of the machine.
static_assert(!std::is_convertible_v<std::chrono::steady_clock::time_point, WallTime>);
static_assert(!std::is_convertible_v<WallTime, std::chrono::steady_clock::time_point>);
static_assert(!std::is_convertible_v<std::int64_t, WallTime>);

}  // namespace
}  // namespace common
