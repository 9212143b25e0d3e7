#include "common/base/fault_point.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

namespace common {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string name_of(std::string_view moment, std::string_view of_what) {
  std::string name(moment);
  if (!of_what.empty()) name.append(" ").append(of_what);
  return name;
}

// A point that no test knows of would be one at which none lets a process die.
void require_listed(const std::string& name) {
  const auto is_it = [&](const FaultPoint& point) { return point.name == name; };
  if (std::any_of(kFaultPoints.begin(), kFaultPoints.end(), is_it)) return;
  std::cerr << "fault point \"" << name << "\" is not listed in fault_point.h" << std::endl;
  std::abort();
}

}  // namespace

void fault_point(std::string_view moment, std::string_view of_what,
                 const std::function<void()>& last_deed) {
  static const std::string fatal_point = variable("FAULT_POINT");
  static std::atomic<int> hits_left = std::atoi(variable("FAULT_HIT").c_str());
  const std::string name = name_of(moment, of_what);
  require_listed(name);
  if (name != fatal_point || --hits_left != 0) return;
  if (last_deed) last_deed();
  ::kill(::getpid(), SIGKILL);
  ::pause();
}

std::int64_t fault_clock_offset_ms() {
  static const std::string file = variable("FAULT_CLOCK_FILE");
  std::int64_t offset_ms = 0;
  if (!file.empty()) std::ifstream(file) >> offset_ms;
  return offset_ms;
}

}  // namespace common
