// What one request or response takes of a memory limit of its listener (kMaxBufferedBytes). Not
// thread-safe: used on the I/O thread.

#ifndef COMMON_HTTP_BUFFERED_BYTES_H_
#define COMMON_HTTP_BUFFERED_BYTES_H_

#include <cstddef>

#include "common/http/limits.h"

namespace common {

class BufferedBytes {
 public:
  // `total` is the sum over all requests or responses, and must outlive this.
  explicit BufferedBytes(std::size_t& total) : total_(total) {}
  ~BufferedBytes() { total_ -= counted_; }
  BufferedBytes(const BufferedBytes&) = delete;
  BufferedBytes& operator=(const BufferedBytes&) = delete;

  // Counts this many bytes instead of what was counted before.
  void set(std::size_t bytes) {
    total_ -= counted_;
    counted_ = bytes > kUncountedBytes ? bytes : 0;
    total_ += counted_;
  }

  // Whether this counts, and the sum is over the limit.
  bool exceeds(std::size_t max_total) const { return counted_ > 0 && total_ > max_total; }

 private:
  std::size_t& total_;
  std::size_t counted_ = 0;
};

}  // namespace common

#endif  // COMMON_HTTP_BUFFERED_BYTES_H_
