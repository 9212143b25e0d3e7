#include "common/log/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "common/base/file_descriptor.h"
#include "common/log/request_context.h"
#include "tests/support/eventually.h"

namespace common {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// The lines that `work` logs, written by the time that logging has stopped.
template <typename Work>
std::vector<std::string> logged(LogFormat format, Work work, LogLevel level = LogLevel::kDebug) {
  testing::internal::CaptureStdout();
  init_logging("log-test", level, format);
  work();
  stop_logging(EXIT_FAILURE);
  return lines_of(testing::internal::GetCapturedStdout());
}

template <typename Work>
nlohmann::json one_object(Work work) {
  const auto lines = logged(LogFormat::kJson, work);
  EXPECT_EQ(lines.size(), 1U);
  return nlohmann::json::parse(lines.at(0));
}

// The one line of text, without its time.
template <typename Work>
std::string one_text(Work work) {
  const auto lines = logged(LogFormat::kText, work);
  EXPECT_EQ(lines.size(), 1U);
  const std::size_t after_time = std::string("2026-11-24T09:30:00.123Z ").size();
  return lines.at(0).substr(after_time);
}

std::string random_bytes(std::mt19937& random) {
  std::string bytes(random() % 24, '\0');
  for (char& c : bytes) c = static_cast<char>(random() % 256);
  return bytes;
}

TEST(LogJson, IsOneObjectWithTheEventAndItsFacts) {
  const auto line = one_object([] {
    log_info("payment accepted", {{"invoice_id", "I1"}, {"amount_minor", 1215}, {"took_s", 0.5}});
  });
  EXPECT_TRUE(std::regex_match(line["time"].get<std::string>(),
                               std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)")));
  EXPECT_EQ(line["level"], "info");
  EXPECT_EQ(line["service"], "log-test");
  EXPECT_EQ(line["message"], "payment accepted");
  EXPECT_EQ(line["invoice_id"], "I1");
  EXPECT_EQ(line["amount_minor"], 1215);
  EXPECT_EQ(line["took_s"], 0.5);
  for (const char* id : {"request_id", "trace_id", "span_id"}) EXPECT_FALSE(line.contains(id));
}

TEST(LogJson, HasTheIdsOfTheRequest) {
  const RequestContext context = new_request_context();
  const auto line = one_object([&context] {
    const RequestScope scope(context);
    log_info("m", {{"invoice_id", "I1"}});
  });
  EXPECT_EQ(line["request_id"], context.request_id);
  EXPECT_EQ(line["trace_id"], context.trace.trace_id());
  EXPECT_EQ(line["span_id"], context.trace.span_id());
  EXPECT_EQ(line["invoice_id"], "I1");
}

TEST(LogJson, KeepsStringsAndNumbersAsTheyAre) {
  const auto line = one_object([] {
    const std::string text = "é \"x\" \\ {} {0} %s \n";
    log_info("m {} %d", {{"text", text},
                         {"least", std::numeric_limits<std::int64_t>::min()},
                         {"most", std::numeric_limits<std::int64_t>::max()},
                         {"yes", true}});
  });
  EXPECT_EQ(line["message"], "m {} %d");
  EXPECT_EQ(line["text"], "é \"x\" \\ {} {0} %s \n");
  EXPECT_EQ(line["least"], std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(line["most"], std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(line["yes"], 1);
}

TEST(LogJson, HasNullForADoubleThatJsonCantWrite) {
  EXPECT_TRUE(one_object([] { log_info("m", {{"x", std::nan("")}}); })["x"].is_null());
}

TEST(LogJson, IsOneValidLinePerEventWhateverTheBytes) {
  std::mt19937 random{42};  // NOLINT(cert-msc51-cpp): the same bytes each time
  const auto lines = logged(LogFormat::kJson, [&random] {
    for (int i = 0; i < 1'000; ++i) {
      const RequestContext context{.request_id = random_bytes(random)};
      const RequestScope scope(context);
      const std::string key = random_bytes(random);
      log_info(random_bytes(random), {{"value", random_bytes(random)}, {key, "x"}});
    }
  });
  EXPECT_EQ(lines.size(), 1'000U);
  for (const std::string& line : lines) ASSERT_TRUE(nlohmann::json::accept(line)) << line;
}

// Or a client that asks for long paths could fill the memory with queued lines.
TEST(LogJson, CutsLongValuesOff) {
  const std::string longest(512, 'x');
  const auto line = one_object([&] {
    log_info("m",
             {{"whole", longest}, {"cut", longest + 'x'}, {"bytes", std::string(8'000, '\xff')}});
  });
  EXPECT_EQ(line["whole"], longest);
  EXPECT_EQ(line["cut"], std::string(509, 'x') + "...");
  EXPECT_LT(line.dump(-1, ' ', true).size(), 10 * longest.size());
}

TEST(LogText, IsALineForAPerson) {
  constexpr const char* kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EXPECT_EQ(one_text([] {
              const RequestContext context{.request_id = "r-1", .trace = {.traceparent = kParent}};
              const RequestScope scope(context);
              log_warn("payment refused", {{"invoice_id", "I1"}, {"amount_minor", -5}});
            }),
            "warn log-test: payment refused invoice_id=I1 amount_minor=-5 request_id=r-1 "
            "trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7");
}

TEST(LogText, QuotesWhatCouldBeMisread) {
  EXPECT_EQ(one_text([] {
              log_info("m", {{"empty", ""},
                             {"words", "a b"},
                             {"pair", "a=b"},
                             {"quote", "a\"b"},
                             {"lines", "a\r\nb"},
                             {"invalid", "\xff"}});
            }),
            R"(info log-test: m empty="" words="a b" pair="a=b" quote="a\"b" lines="a\r\nb" )"
            R"(invalid="\ufffd")");
}

TEST(LogText, HidesEndsOfLinesAndTerminalControlsOfUnicode) {
  EXPECT_EQ(one_text([] {
              log_info("m", {{"next_line", "\u0085"}, {"csi", "\u009b2J"}, {"ls", "\u2028"}});
            }),
            R"(info log-test: m next_line="\u0085" csi="\u009b2J" ls="\u2028")");
}

TEST(LogText, IsOneLineOfPrintableAsciiPerEventWhateverTheBytes) {
  std::mt19937 random{42};  // NOLINT(cert-msc51-cpp): the same bytes each time
  const auto lines = logged(LogFormat::kText, [&random] {
    for (int i = 0; i < 1'000; ++i) {
      const RequestContext context{.request_id = random_bytes(random)};
      const RequestScope scope(context);
      log_info("m", {{"value", random_bytes(random)}});
    }
  });
  EXPECT_EQ(lines.size(), 1'000U);
  for (const std::string& line : lines) {
    ASSERT_EQ(
        line.find_first_not_of(R"( !"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ)"
                               R"([\]^_`abcdefghijklmnopqrstuvwxyz{|}~)"),
        std::string::npos)
        << line;
  }
}

TEST(LogLevels, BelowTheLeastAreDropped) {
  const auto log_all = [] {
    log_debug("a debug");
    log_info("an info");
    log_warn("a warn");
    log_error("an error");
  };
  EXPECT_EQ(logged(LogFormat::kText, log_all, LogLevel::kDebug).size(), 4U);
  EXPECT_EQ(logged(LogFormat::kText, log_all, LogLevel::kInfo).size(), 3U);
  EXPECT_EQ(logged(LogFormat::kText, log_all, LogLevel::kWarn).size(), 2U);
  const auto errors = logged(LogFormat::kText, log_all, LogLevel::kError);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_TRUE(errors.front().ends_with("error log-test: an error"));
}

TEST(LogLevels, AreAskedForBeforeAnExpensiveLine) {
  const auto expect_errors_alone = [] {
    EXPECT_TRUE(log_enabled(LogLevel::kError));
    EXPECT_FALSE(log_enabled(LogLevel::kWarn));
  };
  logged(LogFormat::kText, expect_errors_alone, LogLevel::kError);
  EXPECT_FALSE(log_enabled(LogLevel::kError));  // logging has stopped
}

TEST(LogFormats, AreJsonByThemselvesWhereNobodyWatches) {
  const auto lines = logged(LogFormat::kAuto, [] { log_info("m"); });
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(nlohmann::json::accept(lines.front()));
}

TEST(LogFromManyThreads, KeepsLinesWholeAndInOrder) {
  const auto lines = logged(LogFormat::kJson, [] {
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([thread] {
        const RequestContext context{.request_id = std::to_string(thread)};
        const RequestScope scope(context);
        for (int i = 0; i < 100; ++i) log_info("m", {{"i", i}, {"thread", thread}});
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  EXPECT_EQ(lines.size(), 400U);
  std::array<int, 4> next{};
  for (const std::string& line : lines) {
    const auto object = nlohmann::json::parse(line);
    const int thread = object["thread"].get<int>();
    EXPECT_EQ(object["request_id"], std::to_string(thread));
    EXPECT_EQ(object["i"], next.at(static_cast<std::size_t>(thread))++);
  }
}

// Standard output is `fd` until restore().
class RedirectedStdout {
 public:
  explicit RedirectedStdout(const FileDescriptor& fd) : stdout_(::dup(STDOUT_FILENO)) {
    ::dup2(fd.get(), STDOUT_FILENO);
  }
  ~RedirectedStdout() { restore(); }
  RedirectedStdout(const RedirectedStdout&) = delete;
  RedirectedStdout& operator=(const RedirectedStdout&) = delete;

  void restore() { ::dup2(stdout_.get(), STDOUT_FILENO); }

 private:
  const FileDescriptor stdout_;
};

struct Pipe {
  FileDescriptor read_end;
  FileDescriptor write_end;
};

Pipe make_pipe(int flags = 0) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), flags), 0);
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

// Up to the end or at least `size` bytes. Of a pipe that does not block, what is in it.
std::string read(const FileDescriptor& fd, std::size_t size = std::string::npos) {
  std::string text;
  std::array<char, 4096> buffer{};
  ssize_t count = 0;
  while (text.size() < size && (count = ::read(fd.get(), buffer.data(), buffer.size())) > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return text;
}

constexpr int kMoreThanThePipeHolds = 4'000;
constexpr int kMoreThanTheQueueHolds = 20'000;

void log_numbers(int begin, int end) {
  for (int i = begin; i < end; ++i) log_info("m", {{"i", i}});
}

// Logs until a line is dropped. Returns how many were logged.
int log_until_dropped() {
  int count = 0;
  EXPECT_TRUE(tests::eventually([&count] {
    log_numbers(count, count + 1);
    ++count;
    return log_lines_dropped() > 0;
  }));
  return count;
}

struct Log {
  std::vector<int> numbers;
  std::vector<std::int64_t> reports;  // of "log lines dropped"
};

// An empty line follows a write that failed.
Log parse(const std::vector<std::string>& lines) {
  Log log;
  for (const std::string& line : lines) {
    if (line.empty()) continue;
    const auto object = nlohmann::json::parse(line);
    if (object["message"] == "log lines dropped") {
      log.reports.push_back(object["lines"]);
    } else {
      log.numbers.push_back(object["i"]);
    }
  }
  return log;
}

// Logs `count` lines to a pipe. A part is read after the first half, the rest while logging stops.
Log read_late(int count, std::int64_t* dropped) {
  Pipe pipe = make_pipe();
  RedirectedStdout redirected(pipe.write_end);
  pipe.write_end = FileDescriptor();
  init_logging("log-test", LogLevel::kInfo, LogFormat::kJson);
  log_numbers(0, count / 2);
  std::string text = read(pipe.read_end, 100'000);  // more than the pipe holds
  log_numbers(count / 2, count);
  *dropped = log_lines_dropped();
  std::thread reader([&] { text += read(pipe.read_end); });
  stop_logging(EXIT_FAILURE);
  redirected.restore();
  reader.join();
  return parse(lines_of(text));
}

TEST(LogToAPipeThatNobodyReads, BlocksNeitherCallersNorTheEndOfTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  constexpr int kStatus = 7;
  const auto log_and_stop = [] {
    const Pipe pipe = make_pipe();
    const RedirectedStdout redirected(pipe.write_end);
    init_logging("log-test", LogLevel::kInfo, LogFormat::kJson);
    log_numbers(0, kMoreThanTheQueueHolds);
    stop_logging(kStatus);
  };
  EXPECT_EXIT(log_and_stop(), testing::ExitedWithCode(kStatus), "");
}

TEST(LogToAPipeThatIsReadLate, IsComplete) {
  std::int64_t dropped = -1;
  const Log log = read_late(kMoreThanThePipeHolds, &dropped);
  EXPECT_EQ(dropped, 0);
  EXPECT_EQ(log.numbers.size(), kMoreThanThePipeHolds);
  EXPECT_TRUE(log.reports.empty());
}

TEST(LogToAPipeThatIsReadLate, ReportsTheDroppedLinesOnceTheReaderHasCaughtUp) {
  std::int64_t dropped = -1;
  const Log log = read_late(kMoreThanTheQueueHolds, &dropped);
  EXPECT_GT(dropped, 0);
  EXPECT_EQ(log.reports, std::vector<std::int64_t>{dropped});
  EXPECT_EQ(std::ssize(log.numbers) + dropped, kMoreThanTheQueueHolds);
  EXPECT_TRUE(std::is_sorted(log.numbers.begin(), log.numbers.end()));
  EXPECT_EQ(log.numbers.back(), kMoreThanTheQueueHolds - 1);
}

void expect_report_when_writable_again(const FileDescriptor& unwritable) {
  const RedirectedStdout redirected(unwritable);
  init_logging("log-test", LogLevel::kInfo, LogFormat::kJson);
  const int count = log_until_dropped();
  testing::internal::CaptureStdout();
  log_numbers(count, count + 2);
  stop_logging(EXIT_FAILURE);
  const Log log = parse(lines_of(testing::internal::GetCapturedStdout()));
  EXPECT_EQ(log.numbers.back(), count + 1);
  EXPECT_EQ(log.reports, std::vector<std::int64_t>{count + 2 - std::ssize(log.numbers)});
}

TEST(LogToAFullDisk, ReportsTheLostLinesOnceItIsWritableAgain) {
  expect_report_when_writable_again(FileDescriptor(::open("/dev/full", O_WRONLY | O_CLOEXEC)));
}

TEST(LogToAClosedPipe, ReportsTheLostLinesOnceItIsWritableAgain) {
  std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c): can't fail for SIGPIPE
  Pipe pipe = make_pipe();
  pipe.read_end = FileDescriptor();
  expect_report_when_writable_again(pipe.write_end);
}

TEST(LogToAFullPipeThatDoesNotBlock, EndsALineThatWasCutOff) {
  const Pipe pipe = make_pipe(O_NONBLOCK);
  const RedirectedStdout redirected(pipe.write_end);
  init_logging("log-test", LogLevel::kInfo, LogFormat::kJson);
  ASSERT_GT(::fcntl(pipe.write_end.get(), F_SETPIPE_SZ, 4096), 0);
  const std::string x(512, 'x');  // eight of them are more than the pipe holds
  log_info(
      "m",
      {{"i", -1}, {"a", x}, {"b", x}, {"c", x}, {"d", x}, {"e", x}, {"f", x}, {"g", x}, {"h", x}});
  const int count = log_until_dropped();
  std::string text = read(pipe.read_end);
  log_numbers(count, count + 2);
  stop_logging(EXIT_FAILURE);
  text += read(pipe.read_end);

  std::vector<std::string> lines = lines_of(text);
  EXPECT_TRUE(lines.front().ends_with("xxx"));  // no other line follows on the same line
  lines.erase(lines.begin());
  EXPECT_EQ(parse(lines).numbers.back(), count + 1);
}

}  // namespace
}  // namespace common
