#include "common/base/random.h"

#include <sys/random.h>

#include <array>
#include <stdexcept>
#include <string_view>

namespace common {

std::string random_hex(std::size_t bytes) {
  // Some at once, because a system call for each id would take longer than all else here. Up to 256
  // bytes are always read completely.
  thread_local std::array<unsigned char, 256> random{};
  thread_local std::size_t used = random.size();
  if (used + bytes > random.size()) {
    if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
      throw std::runtime_error("the system's random source gives nothing");
    }
    used = 0;
  }
  std::string text(2 * bytes, '0');
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::size_t i = 0; i < text.size(); i += 2, ++used) {
    text[i] = kDigits[random[used] >> 4U];
    text[i + 1] = kDigits[random[used] & 15U];
  }
  return text;
}

}  // namespace common
