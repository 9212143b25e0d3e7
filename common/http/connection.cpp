#include "common/http/connection.h"

#include <algorithm>
#include <cstring>

#include "common/http/head.h"

namespace common {

using std::chrono::steady_clock;

bool HttpConnection::wait_for_request() {
  // A client that has just had its answer may be sending already when the server is stopped.
  return has_input() ||
         connection_.wait_readable(steady_clock::now() + limits_.keep_alive_idle, &stop_) ||
         connection_.wait_readable(steady_clock::now() + kStopGrace);
}

void HttpConnection::begin_head() {
  in_head_ = true;
  head_bytes_ = 0;
  deadline_ = steady_clock::now() + limits_.head_timeout;
}

void HttpConnection::begin_body() {
  in_head_ = false;
  deadline_ = steady_clock::now() + limits_.body_timeout;
}

std::optional<std::string> HttpConnection::read_head_line() {
  std::string line;
  while (has_input() || receive()) {
    const std::string_view bytes = received();
    const auto end = std::find_if(bytes.begin(), bytes.end(), ends_head_line);
    const bool is_whole = end != bytes.end();
    const auto size = static_cast<std::size_t>(end - bytes.begin()) + (is_whole ? 1 : 0);
    line += bytes.substr(0, size);
    begin_ += size;
    head_bytes_ += size;
    if (head_is_too_large()) break;
    if (is_whole) return line;
  }
  return std::nullopt;
}

std::ptrdiff_t HttpConnection::read(char* to, std::size_t size) {
  if (!has_input() && !receive()) return -1;
  const std::size_t count = std::min(size, end_ - begin_);
  std::memcpy(to, input_.data() + begin_, count);
  begin_ += count;
  return static_cast<std::ptrdiff_t>(count);
}

bool HttpConnection::receive() {
  if (!flush()) return false;
  const auto read = [this] { return connection_.read(input_.data(), input_.size()); };
  // Most often it is there already, and to wait for it would be a system call for nothing.
  std::ptrdiff_t count = steady_clock::now() < deadline_ ? read() : -1;
  if (count < 0 && connection_.wait_readable(deadline_, in_head_ ? &stop_ : nullptr)) {
    count = read();
  }
  begin_ = 0;
  end_ = count > 0 ? static_cast<std::size_t>(count) : 0;
  return count > 0;
}

bool HttpConnection::write(std::string_view bytes) {
  unsent_ += bytes;
  return unsent_.size() < kMaxUnsentBytes ? !broken_ : flush();
}

bool HttpConnection::flush() {
  if (broken_) return false;
  broken_ = !connection_.write_all(unsent_, limits_.write_stall);
  unsent_.clear();
  return !broken_;
}

void HttpConnection::close_lingering() {
  if (!broken_) connection_.close_lingering(steady_clock::now() + kLingerTimeout);
}

}  // namespace common
