#include "common/log/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "common/base/clock.h"

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

std::string json_value(std::string_view value) {
  const auto plain = [](char c) { return c >= ' ' && c < 127 && c != '"' && c != '\\'; };
  if (!std::all_of(value.begin(), value.end(), plain)) return dump(nlohmann::json(value));
  return std::string("\"").append(value).append("\"");
}
std::string json_value(std::int64_t value) { return std::to_string(value); }
std::string json_value(double value) { return dump(nlohmann::json(value)); }

// Not through a JSON document, which takes longer than all else that is done for a short request.
std::string json_line(LogLevel level, std::string_view message,
                      std::initializer_list<LogField> fields) {
  std::string line = R"({"time":")" + to_rfc3339(SystemClock().now());
  line.append(R"(","level":")").append(name_of(level));
  line.append(R"(","service":)").append(json_value(logging().service));
  line.append(R"(,"message":)").append(json_value(message));
  if (!request_id_of_thread.empty()) {
    line.append(R"(,"request_id":)").append(json_value(std::string_view(request_id_of_thread)));
  }
  for (const LogField& field : fields) {
    line.append(",").append(json_value(field.key)).append(":");
    std::visit([&](const auto& value) { line.append(json_value(value)); }, field.value);
  }
  return line += '}';
}

// A value as it is when that can't be misread, else quoted.
std::string text_value(std::string_view value) {
  const auto plain = [](char c) { return c > ' ' && c < 127 && c != '"' && c != '='; };
  if (!value.empty() && std::all_of(value.begin(), value.end(), plain)) return std::string(value);
  return dump(nlohmann::json(value));
}
std::string text_value(std::int64_t value) { return std::to_string(value); }
std::string text_value(double value) { return json_value(value); }

std::string text_line(LogLevel level, std::string_view message,
                      std::initializer_list<LogField> fields) {
  std::string line = to_rfc3339(SystemClock().now());
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

// Standard output. Who comes while another thread writes leaves its line to that one and goes on,
// so lines stay whole and in order, and few threads wait for the pipe. Nobody writes for ever:
// after some writes, or when much is waiting, the next to come stays and takes over.
class StdoutSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 private:
  static constexpr int kMaxWrites = 16;
  static constexpr std::size_t kMaxWaitingBytes = 64 * 1024;

  void sink_it_(const spdlog::details::log_msg& message) override {
    std::unique_lock lock(mutex_);
    ++successors_;
    writer_ended_.wait(lock, [this] { return !is_writing_ || may_leave_a_line(); });
    --successors_;
    waiting_.append(message.payload.data(), message.payload.size()).append("\n");
    if (is_writing_) return;

    is_writing_ = true;
    writes_ = 0;
    do {
      lines_.swap(waiting_);
      ++writes_;
      lock.unlock();
      write_lines();
      lock.lock();
    } while (!waiting_.empty() && successors_ == 0);  // a successor writes what is waiting
    is_writing_ = false;
    writer_ended_.notify_all();
  }

  bool may_leave_a_line() const {  // with mutex_ held
    return writes_ < kMaxWrites && waiting_.size() < kMaxWaitingBytes;
  }

  void flush_() override {}

  // What can't be written is lost; a line that was cut off ends there all the same.
  void write_lines() {
    if (is_cut_off_) lines_.insert(0, "\n");
    std::string_view rest = lines_;
    while (!rest.empty()) {
      const ssize_t count = ::write(STDOUT_FILENO, rest.data(), rest.size());
      if (count < 0 && errno != EINTR) break;
      rest.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    }
    if (rest.size() < lines_.size()) is_cut_off_ = !rest.empty();
    lines_.clear();
  }

  std::mutex mutex_;
  std::condition_variable writer_ended_;
  bool is_writing_ = false;  // guarded by mutex_
  int writes_ = 0;           // guarded by mutex_; of the thread that writes
  int successors_ = 0;       // guarded by mutex_; threads that wait for the writer to end
  std::string waiting_;      // guarded by mutex_
  std::string lines_;        // of the thread that writes
  bool is_cut_off_ = false;  // of the thread that writes: what it wrote ends within a line
};

}  // namespace

void init_logging(std::string service, LogLevel level, LogFormat format) {
  Logging& state = logging();
  state.service = std::move(service);
  state.json =
      format == LogFormat::kJson || (format == LogFormat::kAuto && isatty(STDOUT_FILENO) == 0);
  state.logger = std::make_shared<spdlog::logger>(state.service, std::make_shared<StdoutSink>());
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
