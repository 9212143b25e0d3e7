#include "common/fault_point.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <string>

namespace common {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

void fault_point(std::string_view name) {
  static const std::string fatal_point = variable("FAULT_POINT");
  static std::atomic<int> hits_left = std::atoi(variable("FAULT_HIT").c_str());
  if (name == fatal_point && --hits_left == 0) {
    ::kill(::getpid(), SIGKILL);
    ::pause();
  }
}

std::int64_t fault_clock_offset_ms() {
  static const std::string file = variable("FAULT_CLOCK_FILE");
  std::int64_t offset_ms = 0;
  if (!file.empty()) std::ifstream(file) >> offset_ms;
  return offset_ms;
}

}  // namespace common
