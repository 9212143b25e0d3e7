// The one exception that says "not now": the database can't be used, or a queue is full. Nothing is
// promised of what was asked for: it was not done, or its outcome is unknown; asking again is safe.
// The HTTP server answers 503 with Retry-After.

#ifndef COMMON_BASE_UNAVAILABLE_H_
#define COMMON_BASE_UNAVAILABLE_H_

#include <stdexcept>

namespace common {

class Unavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace common

#endif  // COMMON_BASE_UNAVAILABLE_H_
