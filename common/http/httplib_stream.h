// The stream that cpp-httplib reads and writes instead of its own sockets. Only for
// response_writer.cpp and client.cpp.

#ifndef COMMON_HTTP_HTTPLIB_STREAM_H_
#define COMMON_HTTP_HTTPLIB_STREAM_H_

// Some versions add "Expect: 100-continue" to requests of over 1 KiB and wait for a response that a
// server or a proxy need not send before it has the body.
#define CPPHTTPLIB_EXPECT_100_THRESHOLD 0
#include <httplib.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace common {

// Some of these functions are pure virtual in some versions of the library and missing in others.
class HttplibStream : public httplib::Stream {
 public:
  ssize_t read(char* to, size_t size) override {
    if (input_.empty()) {
      const auto received = receive();
      if (!received) return -1;
      input_ = *received;
    }
    const std::size_t count = input_.copy(to, size);
    input_.remove_prefix(count);
    return static_cast<ssize_t>(count);
  }
  // NOLINTBEGIN(modernize-use-override)
  const char* buffered_data(size_t& size) const {
    size = input_.size();
    return size == 0 ? nullptr : input_.data();
  }
  void consume_buffered(size_t size) { input_.remove_prefix(size); }

  // Always ready: reads and writes wait until they can continue.
  bool is_readable() const override { return true; }
  bool wait_readable() const { return true; }
  bool is_writable() const { return true; }
  bool wait_writable() const { return true; }
  bool is_peer_alive() const { return true; }
  time_t duration() const { return 0; }
  // NOLINTEND(modernize-use-override)

  // The library only uses it to answer 500 when a descriptor is too large for select(), and only in
  // some versions. 0 never is.
  socket_t socket() const override { return 0; }
  // The addresses are not used.
  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}

 protected:
  // The next input, valid until the next call. Empty at the end of the connection, nothing on
  // failure.
  virtual std::optional<std::string_view> receive() = 0;

  bool has_input() const { return !input_.empty(); }

 private:
  std::string_view input_;
};

}  // namespace common

#endif  // COMMON_HTTP_HTTPLIB_STREAM_H_
