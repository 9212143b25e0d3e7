#include "common/base/clock.h"

#include <array>
#include <cstdio>
#include <ctime>

namespace common {

std::string to_rfc3339(WallTime time) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);  // also before 1970
  const std::time_t seconds = whole.time_since_epoch().count();
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text.data() + length, text.size() - length, ".%03dZ",
                static_cast<int>((time - whole).count()));
  return text.data();
}

}  // namespace common
