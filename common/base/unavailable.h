// The operation cannot be done now: the database fails, or a queue is full. It was not done, or its
// outcome is unknown; a retry is safe. The router responds with 503 and Retry-After.

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
