// Debian's nginx as a process of the current user, with a configuration that a test writes.

#ifndef TESTS_LOAD_NGINX_H_
#define TESTS_LOAD_NGINX_H_

#include <sys/types.h>

#include <string>

#include "tests/support/temporary_directory.h"

namespace tests {

class Nginx {
 public:
  // Starts it with this content of the block `http`. Throws std::system_error.
  explicit Nginx(const std::string& http_configuration);
  ~Nginx();  // kills
  Nginx(const Nginx&) = delete;
  Nginx& operator=(const Nginx&) = delete;

  std::string errors() const;  // its error log

 private:
  const TemporaryDirectory directory_;
  pid_t pid_ = -1;
};

}  // namespace tests

#endif  // TESTS_LOAD_NGINX_H_
