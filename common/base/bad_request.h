// The exception for input that the caller has to correct. The router answers 400 with the message
// as the detail of the problem, so the message is a sentence for a person.

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
