#include "common/log/log.h"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "common/base/ascii.h"
#include "common/base/clock.h"
#include "common/log/request_context.h"

namespace common {
namespace {

// spdlog's bounded queue, with the thread that writes its lines.
using LogQueue = spdlog::details::thread_pool;

// How far a reader of standard output may be behind. The queue allocates 400 bytes per line at the
// start, 3.2 MiB. A line of more than 250 bytes also needs its own size while it is queued.
constexpr std::size_t kQueuedLines = 8192;
// A longer value is cut off. Clients choose some values, such as paths, and an escaped byte takes
// six: without this limit, the queued lines could need 400 MiB.
constexpr std::size_t kMaxValueBytes = 512;
constexpr std::size_t kUsualLineBytes = 384;
// The writer sleeps before the last line of the queue, so that it wakes up once for many lines. To
// wake it for each would cost a request more time than to write the line.
constexpr std::chrono::milliseconds kWriteDelay(5);
constexpr std::chrono::seconds kStopTimeout(1);

// Written by init_logging and stop_logging, when no other thread logs. The counter is the writer's.
struct Logging {
  std::string service;
  bool json = false;
  std::shared_ptr<LogQueue> queue;
  std::shared_ptr<spdlog::async_logger> logger;
  std::atomic<std::int64_t> failed_writes = 0;
};

Logging& logging() {
  static Logging instance;
  return instance;
}

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

// ASCII only: Unicode has further line ends and terminal controls.
template <typename Json>
std::string dump(const Json& value) {
  return value.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string cut(std::string_view value) {
  constexpr std::string_view kMark = "...";
  return std::string(value.substr(0, kMaxValueBytes - kMark.size())).append(kMark);
}

std::string json_value(std::string_view value) {
  if (value.size() > kMaxValueBytes) return json_value(cut(value));
  const auto plain = [](char c) { return is_printable(c) && c != '"' && c != '\\'; };
  if (!std::all_of(value.begin(), value.end(), plain)) return dump(nlohmann::json(value));
  return std::string("\"").append(value).append("\"");
}
std::string json_value(std::int64_t value) { return std::to_string(value); }
std::string json_value(double value) { return dump(nlohmann::json(value)); }

// Appends to a string: a JSON document would take longer than all other work of a short request.
std::string json_line(LogLevel level, std::string_view message, std::span<const LogField> fields) {
  std::string line;
  line.reserve(kUsualLineBytes);
  line.append(R"({"time":")").append(to_rfc3339(SystemClock().now()));
  line.append(R"(","level":")").append(name_of(level));
  line.append(R"(","service":)").append(json_value(logging().service));
  line.append(R"(,"message":)").append(json_value(message));
  if (const RequestContext& request = current_request(); !request.request_id.empty()) {
    line.append(R"(,"request_id":)").append(json_value(std::string_view(request.request_id)));
    line.append(R"(,"trace_id":")").append(request.trace.trace_id());
    line.append(R"(","span_id":")").append(request.trace.span_id()).append("\"");
  }
  for (const LogField& field : fields) {
    line.append(",").append(json_value(field.key)).append(":");
    std::visit([&](const auto& value) { line.append(json_value(value)); }, field.value);
  }
  return line += '}';
}

// Quoted, unless the plain value is unambiguous.
std::string text_value(std::string_view value) {
  if (value.size() > kMaxValueBytes) return text_value(cut(value));
  const auto plain = [](char c) { return is_printable(c) && c != ' ' && c != '"' && c != '='; };
  if (!value.empty() && std::all_of(value.begin(), value.end(), plain)) return std::string(value);
  return dump(nlohmann::json(value));
}
std::string text_value(std::int64_t value) { return std::to_string(value); }
std::string text_value(double value) { return json_value(value); }

std::string text_line(LogLevel level, std::string_view message, std::span<const LogField> fields) {
  std::string line = to_rfc3339(SystemClock().now());
  line.append(" ").append(name_of(level)).append(" ");
  line.append(logging().service).append(": ").append(message);
  for (const LogField& field : fields) {
    line.append(" ").append(field.key).append("=");
    std::visit([&](const auto& value) { line.append(text_value(value)); }, field.value);
  }
  if (const RequestContext& request = current_request(); !request.request_id.empty()) {
    line.append(" request_id=").append(text_value(std::string_view(request.request_id)));
    line.append(" trace_id=").append(request.trace.trace_id());
    line.append(" span_id=").append(request.trace.span_id());
  }
  return line;
}

std::string to_line(LogLevel level, std::string_view message, std::span<const LogField> fields) {
  return logging().json ? json_line(level, message, fields) : text_line(level, message, fields);
}

std::int64_t lines_dropped(LogQueue& queue) {
  return logging().failed_writes + static_cast<std::int64_t>(queue.overrun_counter());
}

// Gives the sink the text to write for each line. Only the writer calls it. The sink flushes each
// text, so the stream's error flag tells whether the previous one was written.
class LineFormatter final : public spdlog::formatter {
 public:
  explicit LineFormatter(LogQueue& queue) : queue_(queue) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& text) override {
    if (queue_.queue_size() == 0) std::this_thread::sleep_for(kWriteDelay);
    if (std::ferror(stdout) != 0) {
      std::clearerr(stdout);
      ++logging().failed_writes;
      append(text, "");                                   // ends a line that was cut off
    } else if (queue_.queue_size() < kQueuedLines / 2) {  // else each line could bring a report
      append_report(text);
    }
    append(text, {message.payload.data(), message.payload.size()});
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LineFormatter>(queue_);
  }

 private:
  void append_report(spdlog::memory_buf_t& text) {
    const std::int64_t dropped = lines_dropped(queue_);
    if (dropped == reported_) return;
    const LogField lines("lines", dropped - reported_);
    append(text, to_line(LogLevel::kError, "log lines dropped", {&lines, 1}));
    reported_ = dropped;
  }

  static void append(spdlog::memory_buf_t& text, std::string_view line) {
    text.append(line.data(), line.data() + line.size());
    text.push_back('\n');
  }

  LogQueue& queue_;
  std::int64_t reported_ = 0;  // dropped lines that the log has reported
};

}  // namespace

void init_logging(std::string service, LogLevel level, LogFormat format) {
  Logging& state = logging();
  state.service = std::move(service);
  state.json =
      format == LogFormat::kJson || (format == LogFormat::kAuto && isatty(STDOUT_FILENO) == 0);
  state.failed_writes = 0;
  state.queue = std::make_shared<LogQueue>(kQueuedLines, 1);
  auto sink = std::make_shared<spdlog::sinks::stdout_sink_mt>();
  sink->set_formatter(std::make_unique<LineFormatter>(*state.queue));
  state.logger = std::make_shared<spdlog::async_logger>(
      "", std::move(sink), state.queue, spdlog::async_overflow_policy::overrun_oldest);
  state.logger->set_level(to_spdlog(level));
}

int stop_logging(int status) {
  // The queue's destructor waits for the writer. exit() would too, for the lock of stdout.
  const auto written = std::async([] { logging().queue.reset(); });
  if (written.wait_for(kStopTimeout) != std::future_status::ready) std::_Exit(status);
  logging().logger.reset();
  return status;
}

std::int64_t log_lines_dropped() { return logging().queue ? lines_dropped(*logging().queue) : 0; }

bool log_enabled(LogLevel level) {
  const auto& logger = logging().logger;
  return logger && logger->should_log(to_spdlog(level));
}

void log_event(LogLevel level, std::string_view message, std::span<const LogField> fields) {
  if (!log_enabled(level)) return;
  try {
    logging().logger->log(to_spdlog(level), to_line(level, message, fields));
  } catch (const std::exception&) {
    // Out of memory: the line is lost, and the caller continues.
  }
}

}  // namespace common
