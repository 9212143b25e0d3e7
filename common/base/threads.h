// Starting many threads that do the same.

#ifndef COMMON_BASE_THREADS_H_
#define COMMON_BASE_THREADS_H_

#include <cstddef>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace common {

// Fills `threads` up to `count`, with threads that run `run`. Throws std::system_error that says
// which of them, and for what, could not be started; those before it are in `threads` then, and
// run.
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
