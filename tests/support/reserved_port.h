// A port that only this object's owner hands out: nobody listens on it, and the system gives it to
// no other socket, also while the program that listens on it is restarted.

#ifndef TESTS_SUPPORT_RESERVED_PORT_H_
#define TESTS_SUPPORT_RESERVED_PORT_H_

#include <string>

#include "common/base/file_descriptor.h"

namespace tests {

class ReservedPort {
 public:
  ReservedPort();  // throws std::system_error

  int number() const { return number_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(number_); }

 private:
  common::FileDescriptor socket_;
  int number_ = 0;
};

}  // namespace tests

#endif  // TESTS_SUPPORT_RESERVED_PORT_H_
