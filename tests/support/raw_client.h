// A client of an HTTP server that sends whatever bytes a test wants, also what no HTTP library
// would send. Not thread-safe.

#ifndef TESTS_SUPPORT_RAW_CLIENT_H_
#define TESTS_SUPPORT_RAW_CLIENT_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "common/http/tcp.h"
#include "tests/support/eventually.h"

namespace tests {

struct RawAnswer {
  int status = 0;
  std::string head = {};  // without the empty line
  std::string body = {};  // chunks put together

  // The first value of a header, written as here; "" when there is none.
  std::string header(const std::string& name) const;
};

class RawClient {
 public:
  // Connects to 127.0.0.1; throws std::system_error. A small receive buffer is for tests of servers
  // whose client doesn't read.
  explicit RawClient(int port, int receive_buffer_bytes = 0);

  // False when the connection is broken or takes nothing any more.
  bool send(std::string_view bytes);
  void finish_sending();

  // The next answer; nothing when it doesn't come in full. That to a HEAD request has no body.
  std::optional<RawAnswer> read_answer(bool to_head = false);

  // Sends and reads the answer; status 0 when none comes.
  RawAnswer ask(std::string_view bytes);

  // Whether the server closes (or resets) the connection; what it sends before is thrown away.
  bool sees_close(std::chrono::milliseconds patience = kPatience);
  // Whether the connection is open and silent.
  bool is_idle();

  // Ends the connection the hard way.
  void reset();

 private:
  bool receive(common::Deadline deadline);
  std::optional<std::string> read_line(common::Deadline deadline);
  bool read_body(std::size_t size, common::Deadline deadline, std::string& body);
  bool read_chunks(common::Deadline deadline, std::string& body);

  common::TcpConnection connection_;
  std::string received_;
  bool closed_ = false;
};

}  // namespace tests

#endif  // TESTS_SUPPORT_RAW_CLIENT_H_
