#include "common/money/money_sum.h"

#include <algorithm>

namespace common {

std::string MoneySum::minor_units() const {
  std::string digits;  // backwards
  for (Uint128 rest = sum_; rest > 0 || digits.empty(); rest /= 10) {
    digits += static_cast<char>('0' + static_cast<int>(rest % 10));
  }
  std::reverse(digits.begin(), digits.end());
  return digits;
}

}  // namespace common
