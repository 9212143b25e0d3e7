// Random ids.

#ifndef COMMON_BASE_RANDOM_H_
#define COMMON_BASE_RANDOM_H_

#include <cstddef>
#include <string>

namespace common {

// Bytes of the system's random source, as twice as many lower-case hexadecimal digits. At most 256
// bytes. Thread-safe. Throws std::runtime_error if the source gives nothing.
std::string random_hex(std::size_t bytes);

}  // namespace common

#endif  // COMMON_BASE_RANDOM_H_
