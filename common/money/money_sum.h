// An exact sum of amounts in one currency, in minor units. It has 128 bits, because ten thousand of
// the largest amounts exceed 64. Plain value, thread-safe.

#ifndef COMMON_MONEY_MONEY_SUM_H_
#define COMMON_MONEY_MONEY_SUM_H_

#include <cstdint>
#include <string>

namespace common {

class MoneySum {
 public:
  // Adds `minor_units`, from 0, this many times.
  void add(std::int64_t minor_units, std::int64_t times = 1) {
    sum_ += static_cast<Uint128>(minor_units) * static_cast<Uint128>(times);
  }

  // In decimal digits, at least one.
  std::string minor_units() const;

  friend bool operator==(const MoneySum&, const MoneySum&) = default;

 private:
  __extension__ using Uint128 = unsigned __int128;

  Uint128 sum_ = 0;
};

}  // namespace common

#endif  // COMMON_MONEY_MONEY_SUM_H_
