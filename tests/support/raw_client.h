// An HTTP client that sends the bytes of a test, including those that no HTTP library would send.
// Not thread-safe.

#ifndef TESTS_SUPPORT_RAW_CLIENT_H_
#define TESTS_SUPPORT_RAW_CLIENT_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "common/http/connected_socket.h"
#include "tests/support/eventually.h"

namespace tests {

struct RawAnswer {
  int status = 0;
  std::string head = {};  // without the empty line
  std::string body = {};  // without the framing of chunks

  // The first value of a header; "" when there is none. Case-sensitive.
  std::string header(const std::string& name) const;
};

class RawClient {
 public:
  // See connect_to() in sockets.h.
  explicit RawClient(int port, int receive_buffer_bytes = 0, const std::string& host = "127.0.0.1");

  // False when the connection is broken, or the server doesn't read.
  bool send(std::string_view bytes);
  void finish_sending();

  // The next answer; nothing when it is not complete. An answer to HEAD has no body.
  std::optional<RawAnswer> read_answer(bool to_head = false);

  // What arrives up to and with this text, as it is sent; nothing when the text doesn't come. For
  // answers that are read before they are complete.
  std::optional<std::string> read_through(std::string_view text);

  // Sends, and reads the answer; status 0 when there is none.
  RawAnswer ask(std::string_view bytes);

  // Whether the server closes or resets the connection. Discards what it sends before.
  bool sees_close(std::chrono::milliseconds patience = kPatience);
  // Whether the connection is open and silent.
  bool is_idle();

  // Closes the connection with a reset.
  void reset();

 private:
  bool receive(std::chrono::steady_clock::time_point deadline);
  std::optional<std::string> read_line(std::chrono::steady_clock::time_point deadline);
  bool read_body(std::size_t size, std::chrono::steady_clock::time_point deadline,
                 std::string& body);
  bool read_chunks(std::chrono::steady_clock::time_point deadline, std::string& body);

  common::ConnectedSocket connection_;
  std::string received_;
  bool closed_ = false;
};

}  // namespace tests

#endif  // TESTS_SUPPORT_RAW_CLIENT_H_
