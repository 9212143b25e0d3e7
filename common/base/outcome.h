// The outcome of work that another thread does: a function that returns the result, or throws
// because the work failed.

#ifndef COMMON_BASE_OUTCOME_H_
#define COMMON_BASE_OUTCOME_H_

#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/base/unavailable.h"

namespace common {

template <typename Result>
using Outcome = std::function<Result()>;

// A callback that is called once, when the work has ended, by the thread that did it. It must not
// block or throw. It may call the outcome once, before it returns: the outcome may move its result.
template <typename Result>
using OnOutcome = std::function<void(const Outcome<Result>&)>;

// The outcome of work that threw `error`: throws Unavailable as such, anything else as a
// std::runtime_error with the same text. Each call throws a new exception, because ThreadSanitizer
// reports an exception that threads share.
template <typename Result>
Outcome<Result> failed(const std::exception& error) {
  std::string why = error.what();
  if (dynamic_cast<const Unavailable*>(&error) != nullptr) {
    return [why = std::move(why)]() -> Result { throw Unavailable(why); };
  }
  return [why = std::move(why)]() -> Result { throw std::runtime_error(why); };
}

}  // namespace common

#endif  // COMMON_BASE_OUTCOME_H_
