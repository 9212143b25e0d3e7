// Structured logs on standard output: text on a terminal, elsewhere one JSON object per line. An
// event has a short constant message, and its facts are fields:
//
//   log_info("payment accepted", {{"invoice_id", id}, {"amount_minor", amount}});
//
// A thread of spdlog writes the lines from a bounded queue. So a slow or missing reader of standard
// output delays neither requests nor the stop. If the queue is full, the oldest line is dropped.
// When the reader has caught up, an error line reports how many were dropped, at every LOG_LEVEL.
//
// Thread-safe between init_logging and stop_logging; before and after, nothing is logged. Logging
// never throws and never waits for the reader. Field values are escaped, so no value breaks a line.

#ifndef COMMON_LOG_LOG_H_
#define COMMON_LOG_LOG_H_

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace common {

enum class LogLevel { kDebug, kInfo, kWarn, kError };
enum class LogFormat { kAuto, kText, kJson };  // kAuto: text on a terminal, else JSON

// Call once at start, before other threads exist. `service` is on every line. Starts the thread
// that writes, with the caller's signal mask. Throws std::system_error if the thread cannot be
// started.
void init_logging(std::string service, LogLevel level, LogFormat format);

// Call at the end of the program, when no other thread logs. Writes the queued lines, then returns
// `status`. Ends the process with `status` if this takes over a second, because exit() would block
// on standard output.
int stop_logging(int status);

// Lines lost since init_logging: dropped from a full queue, or not written because of an error.
std::int64_t log_lines_dropped();

struct LogField {
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, std::integral auto v)
      : key(k), value(static_cast<std::int64_t>(v)) {}
  LogField(std::string_view k, double v) : key(k), value(v) {}

  std::string_view key;
  std::variant<std::int64_t, double, std::string_view> value;
};

// The line also has the ids of the thread's RequestScope (request_context.h).
void log_event(LogLevel level, std::string_view message, std::span<const LogField> fields);
inline void log_event(LogLevel level, std::string_view message,
                      std::initializer_list<LogField> fields) {
  log_event(level, message, std::span(fields.begin(), fields.size()));
}
bool log_enabled(LogLevel level);

inline void log_debug(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log_event(LogLevel::kDebug, message, fields);
}
inline void log_info(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log_event(LogLevel::kInfo, message, fields);
}
inline void log_warn(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log_event(LogLevel::kWarn, message, fields);
}
inline void log_error(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log_event(LogLevel::kError, message, fields);
}

}  // namespace common

#endif  // COMMON_LOG_LOG_H_
