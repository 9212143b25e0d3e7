#include "common/metrics/process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <sstream>
#include <system_error>

namespace common {
namespace {

constexpr auto kToLineEnd = std::numeric_limits<std::streamsize>::max();

// Fields of proc(5), /proc/[pid]/stat. Times are in clock ticks.
struct Stat {
  double user_time;
  double system_time;
  double threads;
  double start_time;  // after the boot
  double virtual_bytes;
  double resident_pages;
};

std::optional<Stat> read_stat(const std::string& path) {
  std::ifstream file(path);
  // The second field is the program's name in parentheses, which can contain anything.
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  std::string ignored;
  const auto skip = [&](int count) {
    for (int i = 0; i < count; ++i) fields >> ignored;
  };
  Stat stat{};
  skip(11);  // 3 to 13
  fields >> stat.user_time >> stat.system_time;
  skip(4);  // 16 to 19
  fields >> stat.threads;
  skip(1);
  fields >> stat.start_time >> stat.virtual_bytes >> stat.resident_pages;
  return fields ? std::optional(stat) : std::nullopt;
}

// Unix time of the boot in seconds.
std::optional<double> read_boot_time(const std::string& path) {
  std::ifstream file(path);
  for (std::string key; file >> key; file.ignore(kToLineEnd, '\n')) {
    double seconds = 0;
    if (key == "btime" && file >> seconds) return seconds;
  }
  return std::nullopt;
}

std::optional<double> count_entries(const std::string& directory) {
  std::error_code error;
  double count = 0;
  std::filesystem::directory_iterator entry(directory, error);
  while (!error && entry != std::filesystem::directory_iterator()) {
    ++count;
    entry.increment(error);
  }
  return error ? std::nullopt : std::optional(count);
}

void add_stat(MetricFamilies& metrics, const Stat& stat, std::optional<double> boot_time) {
  const auto ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto page_bytes = static_cast<double>(::sysconf(_SC_PAGESIZE));
  metrics.push_back(counter_family("process_cpu_seconds_total",
                                   "Total user and system CPU time spent in seconds.",
                                   (stat.user_time + stat.system_time) / ticks_per_second));
  metrics.push_back(gauge_family("process_virtual_memory_bytes", "Virtual memory size in bytes.",
                                 {{stat.virtual_bytes}}));
  metrics.push_back(gauge_family("process_resident_memory_bytes", "Resident memory size in bytes.",
                                 {{stat.resident_pages * page_bytes}}));
  metrics.push_back(
      gauge_family("process_threads", "Number of OS threads in the process.", {{stat.threads}}));
  if (!boot_time) return;
  metrics.push_back(gauge_family("process_start_time_seconds",
                                 "Start time of the process since unix epoch in seconds.",
                                 {{*boot_time + stat.start_time / ticks_per_second}}));
}

}  // namespace

MetricFamilies process_metrics(const std::string& proc) {
  MetricFamilies metrics;
  if (const auto stat = read_stat(proc + "/self/stat")) {
    add_stat(metrics, *stat, read_boot_time(proc + "/stat"));
  }
  if (const auto open = count_entries(proc + "/self/fd")) {
    // One of them reads the directory.
    metrics.push_back(
        gauge_family("process_open_fds", "Number of open file descriptors.", {{*open - 1}}));
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    metrics.push_back(gauge_family("process_max_fds", "Maximum number of open file descriptors.",
                                   {{static_cast<double>(limit.rlim_cur)}}));
  }
  return metrics;
}

}  // namespace common
