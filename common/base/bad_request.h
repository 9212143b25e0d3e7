// Thrown for invalid input. The router responds with 400. The message becomes the `detail` of the
// problem, so write it for people.

#ifndef COMMON_BASE_BAD_REQUEST_H_
#define COMMON_BASE_BAD_REQUEST_H_

#include <stdexcept>

namespace common {

class BadRequest : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace common

#endif  // COMMON_BASE_BAD_REQUEST_H_
