// Reads one HTTP/1.1 response from the bytes that a connection receives (RFC 9112), and keeps only
// what a load test counts. It is not the parser of the services, so that it can judge them.

#ifndef TESTS_LOAD_RESPONSE_READER_H_
#define TESTS_LOAD_RESPONSE_READER_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace tests {

class ResponseReader {
 public:
  // Whether the response is complete with these bytes. Throws std::runtime_error when they are not
  // a response with Content-Length or chunks, or when bytes follow it.
  bool take(std::string_view bytes);

  int status() const { return status_; }
  bool closes() const { return closes_; }  // "Connection: close"

 private:
  enum class State { kStatusLine, kHeaders, kBody, kChunkSize, kChunk, kTrailers };

  bool take_line(const std::string& line);
  void take_header(std::string_view line);
  void begin_data(State state, std::size_t size);

  State state_ = State::kStatusLine;
  std::string line_;            // received so far
  std::size_t length_ = 0;      // Content-Length
  std::size_t data_bytes_ = 0;  // left of the body or the chunk
  bool is_chunked_ = false;
  int status_ = 0;
  bool closes_ = false;
};

}  // namespace tests

#endif  // TESTS_LOAD_RESPONSE_READER_H_
