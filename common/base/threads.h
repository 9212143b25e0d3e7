// Starts threads that run the same function.

#ifndef COMMON_BASE_THREADS_H_
#define COMMON_BASE_THREADS_H_

#include <cstddef>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace common {

// Starts threads that run `run`, until `threads` has `count`. If a thread can't be started, throws
// a std::system_error that names its number and `purpose`; the threads before it keep running.
template <typename Run>
void start_threads(std::vector<std::thread>& threads, std::size_t count, const std::string& purpose,
                   const Run& run) {
  try {
    while (threads.size() < count) threads.emplace_back(run);
  } catch (const std::system_error& error) {
    throw std::system_error(error.code(), "thread " + std::to_string(threads.size() + 1) +
                                              " of the " + std::to_string(count) + " for " +
                                              purpose);
  }
}

}  // namespace common

#endif  // COMMON_BASE_THREADS_H_
