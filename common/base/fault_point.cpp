#include "common/base/fault_point.h"

#include <signal.h>
#include <unistd.h>

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

std::string name_of(std::string_view moment, std::string_view subject) {
  std::string name(moment);
  if (!subject.empty()) name.append(" ").append(subject);
  return name;
}

void require_known(const std::string& name) {
  static const std::string known = "\n" + variable("FAULT_POINTS");
  if (known == "\n" || known.find("\n" + name + "\n") != std::string::npos) return;
  std::cerr << "fault point \"" << name << "\" is not in FAULT_POINTS" << std::endl;
  std::abort();
}

}  // namespace

void fault_point(std::string_view moment, std::string_view subject,
                 const std::function<void()>& before_death) {
  static const std::string fatal_point = variable("FAULT_POINT");
  static std::atomic<int> hits_left = std::atoi(variable("FAULT_HIT").c_str());
  const std::string name = name_of(moment, subject);
  require_known(name);
  if (name != fatal_point || --hits_left != 0) return;
  if (before_death) before_death();
  ::kill(::getpid(), SIGKILL);
  ::pause();
}

std::int64_t fault_clock_offset_ms() {
  static const std::string file = variable("FAULT_CLOCK_FILE");
  std::int64_t offset_ms = 0;
  if (!file.empty()) std::ifstream(file) >> offset_ms;
  return offset_ms;
}

std::int64_t fault_option(const char* name, std::int64_t otherwise) {
  const std::string value = variable(name);
  return value.empty() ? otherwise : std::stoll(value);
}

}  // namespace common
