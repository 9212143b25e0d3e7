#include "tests/load/response_reader.h"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <utility>

namespace tests {
namespace {

std::size_t to_size(std::string_view text, int base) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw std::runtime_error("not a size: " + std::string(text));
  }
  return value;
}

bool is_same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

bool ResponseReader::take(std::string_view bytes) {
  bool complete = false;
  while (!bytes.empty()) {
    if (complete) throw std::runtime_error("bytes after the response");
    if (data_bytes_ > 0) {
      const std::size_t count = std::min(bytes.size(), data_bytes_);
      bytes.remove_prefix(count);
      data_bytes_ -= count;
      complete = data_bytes_ == 0 && state_ == State::kBody;
      continue;
    }
    const std::size_t end = bytes.find('\n');
    line_ += bytes.substr(0, end);
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end + 1);
    if (!line_.ends_with('\r')) throw std::runtime_error("a line without CR: " + line_);
    line_.pop_back();
    complete = take_line(line_);
    line_.clear();
  }
  return complete;
}

bool ResponseReader::take_line(const std::string& line) {
  constexpr std::string_view kVersion = "HTTP/1.1 ";
  switch (state_) {
    case State::kStatusLine:
      if (!line.starts_with(kVersion)) throw std::runtime_error("not a status line: " + line);
      status_ = static_cast<int>(to_size(line.substr(kVersion.size(), 3), 10));
      state_ = State::kHeaders;
      return false;
    case State::kHeaders:
      if (!line.empty()) {
        take_header(line);
        return false;
      }
      if (is_chunked_) {
        state_ = State::kChunkSize;
        return false;
      }
      begin_data(State::kBody, length_);
      return length_ == 0;
    case State::kChunkSize: {
      const std::size_t size = to_size(line, 16);
      if (size == 0) {
        state_ = State::kTrailers;
      } else {
        begin_data(State::kChunk, size);
      }
      return false;
    }
    case State::kChunk:  // the line end after the chunk
      if (!line.empty()) throw std::runtime_error("a chunk is too long");
      state_ = State::kChunkSize;
      return false;
    default:
      return line.empty();
  }
}

void ResponseReader::take_header(std::string_view line) {
  const std::size_t colon = line.find(": ");
  if (colon == std::string_view::npos) throw std::runtime_error("not a header");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = line.substr(colon + 2);
  if (is_same(name, "Content-Length")) length_ = to_size(value, 10);
  if (is_same(name, "Transfer-Encoding")) is_chunked_ = is_same(value, "chunked");
  if (is_same(name, "Connection")) closes_ = is_same(value, "close");
}

void ResponseReader::begin_data(State state, std::size_t size) {
  state_ = state;
  data_bytes_ = size;
}

}  // namespace tests
