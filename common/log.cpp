#include "common/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "common/clock.h"

namespace common {
namespace {

// Set once by init_logging, before other threads exist; read-only from then on.
struct Logging {
  std::string service;
  bool json = false;
  std::shared_ptr<spdlog::logger> logger;
};

Logging& logging() {
  static Logging instance;
  return instance;
}

thread_local std::string request_id_of_thread;

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string_view name_of(LogLevel level) {
  constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warn", "error"};
  return kNames[static_cast<std::size_t>(level)];
}

// In ASCII: Unicode has more ends of lines and controls of terminals than ASCII's.
template <typename Json>
std::string dump(const Json& value) {
  return value.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string json_line(LogLevel level, std::string_view message,
                      std::initializer_list<LogField> fields) {
  nlohmann::ordered_json line;
  line["time"] = to_rfc3339(SystemClock().now_ms());
  line["level"] = name_of(level);
  line["service"] = logging().service;
  line["message"] = message;
  if (!request_id_of_thread.empty()) line["request_id"] = request_id_of_thread;
  for (const LogField& field : fields) {
    std::visit([&](const auto& value) { line[std::string(field.key)] = value; }, field.value);
  }
  return dump(line);
}

// A value as it is when that can't be misread, else quoted.
std::string text_value(std::string_view value) {
  const auto plain = [](char c) { return c > ' ' && c < 127 && c != '"' && c != '='; };
  if (!value.empty() && std::all_of(value.begin(), value.end(), plain)) return std::string(value);
  return dump(nlohmann::json(value));
}
std::string text_value(std::int64_t value) { return std::to_string(value); }
std::string text_value(double value) { return dump(nlohmann::json(value)); }

std::string text_line(LogLevel level, std::string_view message,
                      std::initializer_list<LogField> fields) {
  std::string line = to_rfc3339(SystemClock().now_ms());
  line.append(" ").append(name_of(level)).append(" ");
  line.append(logging().service).append(": ").append(message);
  for (const LogField& field : fields) {
    line.append(" ").append(field.key).append("=");
    std::visit([&](const auto& value) { line.append(text_value(value)); }, field.value);
  }
  if (!request_id_of_thread.empty()) {
    line.append(" request_id=").append(text_value(std::string_view(request_id_of_thread)));
  }
  return line;
}

}  // namespace

void init_logging(std::string service, LogLevel level, LogFormat format) {
  Logging& state = logging();
  state.service = std::move(service);
  state.json =
      format == LogFormat::kJson || (format == LogFormat::kAuto && isatty(STDOUT_FILENO) == 0);
  state.logger = std::make_shared<spdlog::logger>(
      state.service, std::make_shared<spdlog::sinks::stdout_sink_mt>());
  state.logger->set_pattern("%v");
  state.logger->set_level(to_spdlog(level));
}

bool log_enabled(LogLevel level) {
  const auto& logger = logging().logger;
  return logger && logger->should_log(to_spdlog(level));
}

void log_event(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (!log_enabled(level)) return;
  try {
    logging().logger->log(to_spdlog(level), logging().json ? json_line(level, message, fields)
                                                           : text_line(level, message, fields));
  } catch (const std::exception&) {
    // Out of memory while writing a log line: the line is lost, the work that it speaks of is not.
  }
}

RequestIdScope::RequestIdScope(std::string request_id)
    : outer_(std::exchange(request_id_of_thread, std::move(request_id))) {}

RequestIdScope::~RequestIdScope() { request_id_of_thread = std::move(outer_); }

const std::string& current_request_id() { return request_id_of_thread; }

std::string new_request_id() {
  std::array<unsigned char, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw std::runtime_error("the system's random source gives nothing");
  }
  std::string id;
  id.reserve(2 * bytes.size());
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const unsigned char byte : bytes) {
    id += kDigits[byte >> 4U];
    id += kDigits[byte & 15U];
  }
  return id;
}

}  // namespace common
