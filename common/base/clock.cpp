#include "common/base/clock.h"

#include <algorithm>
#include <cstddef>

#include "common/base/ascii.h"

namespace common {

namespace {

constexpr std::string_view kForm = "0000-00-00T00:00:00.000Z";

}  // namespace

// Not with strftime: each line of the log has a time, and this takes a tenth as long.
std::string to_rfc3339(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);  // also before 1970
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::string text(kForm);
  const auto write = [&text](std::size_t begin, std::size_t digits, auto number) {
    auto value = static_cast<unsigned>(number);
    for (std::size_t i = begin + digits; i-- > begin; value /= 10) {
      text[i] = static_cast<char>('0' + value % 10);
    }
  };
  write(0, 4, static_cast<int>(date.year()));
  write(5, 2, static_cast<unsigned>(date.month()));
  write(8, 2, static_cast<unsigned>(date.day()));
  write(11, 2, clock.hours().count());
  write(14, 2, clock.minutes().count());
  write(17, 2, clock.seconds().count());
  write(20, 3, clock.subseconds().count());
  return text;
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  const auto fits = [](char c, char form) { return form == '0' ? is_digit(c) : c == form; };
  if (!std::equal(text.begin(), text.end(), kForm.begin(), kForm.end(), fits)) return std::nullopt;
  const auto number = [text](std::size_t begin, std::size_t digits) {
    int value = 0;
    for (const char digit : text.substr(begin, digits)) value = 10 * value + (digit - '0');
    return value;
  };
  const std::chrono::year_month_day date{std::chrono::year(number(0, 4)),
                                         std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                         std::chrono::day(static_cast<unsigned>(number(8, 2)))};
  const int hour = number(11, 2);
  const int minute = number(14, 2);
  const int second = number(17, 2);
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second) +
         std::chrono::milliseconds(number(20, 3));
}

}  // namespace common
