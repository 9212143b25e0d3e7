#include "tests/support/raw_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <utility>

#include "tests/support/sockets.h"

namespace tests {
namespace {

using std::chrono::steady_clock;

std::optional<std::size_t> to_size(std::string_view text, int base) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string RawAnswer::header(const std::string& name) const {
  const std::string wanted = "\r\n" + name + ": ";
  const std::size_t at = head.find(wanted);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + wanted.size();
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

RawClient::RawClient(int port, int receive_buffer_bytes, const std::string& host)
    : connection_(connect_to(host, port, receive_buffer_bytes)) {}

bool RawClient::send(std::string_view bytes) {
  return connection_.write_all(bytes, steady_clock::now() + kPatience);
}

void RawClient::finish_sending() { ::shutdown(connection_.fd(), SHUT_WR); }

std::optional<RawAnswer> RawClient::read_answer(bool to_head) {
  const auto deadline = steady_clock::now() + kPatience;
  RawAnswer answer;
  while (auto line = read_line(deadline)) {
    if (!line->empty()) {
      answer.head += (answer.head.empty() ? "" : "\r\n") + *line;
      continue;
    }
    constexpr std::string_view kVersion = "HTTP/1.1 ";
    if (!answer.head.starts_with(kVersion)) return std::nullopt;
    answer.status = std::stoi(answer.head.substr(kVersion.size(), 3));
    const std::string length = answer.header("Content-Length");
    bool complete = true;
    if (to_head || answer.status < 200) return answer;
    if (answer.header("Transfer-Encoding") == "chunked") {
      complete = read_chunks(deadline, answer.body);
    } else if (!length.empty()) {
      complete = read_body(to_size(length, 10).value_or(0), deadline, answer.body);
    } else {  // until the end of the connection
      while (receive(deadline)) {
      }
      answer.body = std::exchange(received_, "");
    }
    return complete ? std::optional(std::move(answer)) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::string> RawClient::read_through(std::string_view text) {
  const auto deadline = steady_clock::now() + kPatience;
  std::size_t found = 0;
  while ((found = received_.find(text)) == std::string::npos) {
    if (!receive(deadline)) return std::nullopt;
  }
  std::string read = received_.substr(0, found + text.size());
  received_.erase(0, read.size());
  return read;
}

RawAnswer RawClient::ask(std::string_view bytes) {
  send(bytes);
  return read_answer().value_or(RawAnswer{});
}

bool RawClient::sees_close(std::chrono::milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  while (receive(deadline)) received_.clear();
  return closed_;
}

bool RawClient::is_idle() {
  if (closed_ || !received_.empty()) return false;
  // Not wait_readable: from its deadline on, it says no whatever has arrived.
  pollfd polled{.fd = connection_.fd(), .events = POLLIN, .revents = 0};
  return ::poll(&polled, 1, 1) == 0;
}

void RawClient::reset() {
  reset_when_closed(connection_);
  connection_ = common::ConnectedSocket(common::FileDescriptor());
}

bool RawClient::receive(steady_clock::time_point deadline) {
  std::array<char, 16 * 1024> buffer{};
  if (!connection_.wait_readable(deadline)) return false;
  const std::ptrdiff_t count = connection_.read(buffer.data(), buffer.size());
  closed_ = count <= 0;
  if (!closed_) received_.append(buffer.data(), static_cast<std::size_t>(count));
  return !closed_;
}

std::optional<std::string> RawClient::read_line(steady_clock::time_point deadline) {
  std::size_t end = 0;
  while ((end = received_.find("\r\n")) == std::string::npos) {
    if (!receive(deadline)) return std::nullopt;
  }
  std::string line = received_.substr(0, end);
  received_.erase(0, end + 2);
  return line;
}

bool RawClient::read_body(std::size_t size, steady_clock::time_point deadline, std::string& body) {
  while (received_.size() < size) {
    if (!receive(deadline)) return false;
  }
  body += received_.substr(0, size);
  received_.erase(0, size);
  return true;
}

bool RawClient::read_chunks(steady_clock::time_point deadline, std::string& body) {
  while (auto line = read_line(deadline)) {
    const auto size = to_size(*line, 16);
    if (!size || !read_body(*size, deadline, body)) return false;
    if (read_line(deadline) != "") return false;
    if (*size == 0) return true;
  }
  return false;
}

}  // namespace tests
