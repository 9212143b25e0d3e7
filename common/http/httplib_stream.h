// What cpp-httplib reads from and writes to instead of its own sockets. For http_server.cpp and
// http_client.cpp only.

#ifndef COMMON_HTTP_HTTPLIB_STREAM_H_
#define COMMON_HTTP_HTTPLIB_STREAM_H_

#include <httplib.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace common {

// Some of these functions are pure virtual in some versions of the library and unknown to others.
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

  // Reads and writes wait by themselves.
  bool is_readable() const override { return true; }
  bool wait_readable() const { return true; }
  bool is_writable() const { return true; }
  bool wait_writable() const { return true; }
  bool is_peer_alive() const { return true; }
  time_t duration() const { return 0; }
  // NOLINTEND(modernize-use-override)

  // Not used by the library for what we do, except by versions that answer 500 when it is too large
  // for select().
  socket_t socket() const override { return 0; }
  // Nobody here asks whose connection it is.
  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}

 protected:
  // What comes next, which must stay there until the next call: empty at the end of the connection,
  // nothing when it can't be had.
  virtual std::optional<std::string_view> receive() = 0;

  bool has_input() const { return !input_.empty(); }

 private:
  std::string_view input_;
};

}  // namespace common

#endif  // COMMON_HTTP_HTTPLIB_STREAM_H_
