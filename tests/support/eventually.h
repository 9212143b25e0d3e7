// Waiting for a condition of something that can't tell when it changes, such as another process.

#ifndef TESTS_SUPPORT_EVENTUALLY_H_
#define TESTS_SUPPORT_EVENTUALLY_H_

#include <chrono>
#include <thread>

namespace tests {

// How many times as long, and as much memory, as without sanitizers things may take.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr int kSlowdown = 10;
#else
inline constexpr int kSlowdown = 1;
#endif

inline constexpr std::chrono::seconds kPatience{60};

// Whether the condition came true before the deadline.
template <typename Condition>
bool eventually(Condition condition, std::chrono::milliseconds patience = kPatience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // between two looks
  }
  return true;
}

}  // namespace tests

#endif  // TESTS_SUPPORT_EVENTUALLY_H_
